"""mixset.json: the list of a finished set's shards with their hashes; where it is missing, a set is unfinished."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .errors import DamagedPicture, InputError
from .partials import write_atomically
from .shard_format import FORMAT, FORMAT_VERSION
from .shards import ShardInfo

NAME = "mixset.json"
UNFINISHED = "unfinished.json"
"""Stands in the folder while a set is made: its recipe and count, so that another recipe is refused from the start."""


@dataclass(frozen=True)
class Entry:
    """A shard of a finished set."""

    name: str
    family: str
    start_index: int
    count: int
    sha256: str
    """Of the file's bytes."""
    content_hash: str
    """Of pictures, seeds and params: equal for any compression and version."""
    compression: str


@dataclass(frozen=True)
class Manifest:
    """What mixset.json says."""

    recipe: dict[str, Any]
    count: int
    shards: tuple[Entry, ...]
    versions: dict[str, str]
    """Of the packages that the bytes depend on."""
    left_out: tuple[tuple[str, str], ...] = ()
    """(file, reason) of what an import could not read."""


def entry(info: ShardInfo) -> Entry:
    """The manifest's entry for a shard; reads the whole file once for its SHA-256."""
    return Entry(
        name=info.path.name,
        family=info.family,
        start_index=info.start_index,
        count=info.count,
        sha256=sha256(info.path),
        content_hash=info.content_hash,
        compression=info.compression,
    )


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(
    folder: Path, recipe: dict[str, Any], entries: Iterable[Entry], left_out: Iterable[tuple[str, str]] = ()
) -> Manifest:
    """Write `folder`/mixset.json, by which the set is finished."""
    shards = tuple(sorted(entries, key=lambda one: one.name))
    manifest = Manifest(recipe, sum(one.count for one in shards), shards, _versions(), tuple(left_out))
    write_json(
        folder / NAME,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "count": manifest.count,
            "recipe": recipe,
            "versions": manifest.versions,
            "shards": [vars(one) for one in shards],
            "left_out": manifest.left_out,
        },
    )
    (folder / UNFINISHED).unlink(missing_ok=True)
    return manifest


def read(folder: Path) -> Manifest | None:
    """The manifest of the set in `folder`, or None where there is none.

    Raises:
        DamagedPicture: it is damaged.
        InputError: it is of a later format.
    """
    values = read_json(folder / NAME)
    if values is None:
        return None
    try:
        if values["format"] != FORMAT:
            raise ValueError("not written by mixset")
        if values["format_version"] > FORMAT_VERSION:
            raise InputError(
                f"{folder / NAME} has format version {values['format_version']}, "
                f"this mixset reads up to {FORMAT_VERSION}: update mixset"
            )
        shards = tuple(Entry(**one) for one in values["shards"])
        if values["count"] != sum(one.count for one in shards):
            raise ValueError("its counts disagree")
        left_out = tuple((str(name), str(reason)) for name, reason in values["left_out"])
        return Manifest(dict(values["recipe"]), values["count"], shards, dict(values["versions"]), left_out)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise DamagedPicture(
            f"{folder / NAME} is damaged ({error}); delete it and run the set's command again"
        ) from None


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write `values` so that `path` is either the old file or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """
    write_atomically(path, (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None where there is no such file; DamagedPicture when it is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise _damaged(path, error) from error
    if not isinstance(values, dict):
        raise _damaged(path, "no JSON object")
    return values


def _damaged(path: Path, reason: object) -> DamagedPicture:
    return DamagedPicture(f"{path} is damaged ({reason}); delete it and run the command that made the set again")


def _versions() -> dict[str, str]:
    found = {}
    for package in ("pixmix", "numpy", "numba", "h5py", "pillow"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
