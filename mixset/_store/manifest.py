"""The manifest of a finished set, mixset.json: a list of its shards with their hashes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .._common.errors import DamagedImage, InputError, reading
from .._common.jsons import unseal_json, write_sealed_json
from .._common.plain_names import plain_name
from .._common.regular import read_regular
from .._common.seals import file_hash
from .shard_format import (
    COMPRESSIONS,
    FORMAT,
    FORMAT_VERSION,
    MOST_INDEX,
    TRAINING_VERSION,
    hash_text,
    whole_number,
)
from .shards import ShardInfo

NAME = "mixset.json"
UNFINISHED = "unfinished.json"
"""A file in the folder while a set is being made: its recipe and count, so that another recipe is refused at once."""
_MOST = 256 << 20
"""The largest manifest in bytes; one of 10,000 shards has 4 MB."""
_KEYS = {"format", "format_version", "count", "recipe", "versions", "shards", "left_out"}


@dataclass(frozen=True)
class Entry:
    """A shard of a finished set; raises ValueError for an invalid field."""

    name: str
    """The file's name in the set's folder. The file may be a link, which a repair replaces by a file."""
    family: str
    """What kind of images these are, for example "fractals"."""
    start_index: int
    """The index of the shard's first image in the recipe."""
    count: int
    """The number of images."""
    sha256: str
    """The SHA-256 of the file's bytes."""
    content_hash: str
    """The hash of images, seeds and params, which does not depend on compression and versions."""
    compression: str
    """"none" or "gzip"."""

    def __post_init__(self) -> None:
        plain_name(self.name, most=200)
        plain_name(self.family)
        whole_number(self.start_index, 0, MOST_INDEX)
        whole_number(self.count, 0, MOST_INDEX)
        hash_text(self.sha256)
        hash_text(self.content_hash)
        if self.compression not in COMPRESSIONS:
            raise ValueError(f"compression {self.compression!r:.50} is unknown")


@dataclass(frozen=True)
class Manifest:
    """The content of mixset.json."""

    recipe: dict[str, Any]
    """What determines the images, as JSON values."""
    count: int
    """The number of images in all shards."""
    shards: tuple[Entry, ...]
    """The shards, sorted by name."""
    versions: dict[str, str]
    """The version of each package that the bytes depend on."""
    left_out: tuple[tuple[str, str], ...] = ()
    """(file, reason) of each image that an import could not read."""
    classes: tuple[str, ...] | None = None
    """Of a training set the names of its classes by label; None of a mixing set."""


def entry(info: ShardInfo) -> Entry:
    """The manifest's entry for a shard; reads the whole file for its SHA-256."""
    return Entry(
        name=info.path.name,
        family=info.family,
        start_index=info.start_index,
        count=info.count,
        sha256=file_hash(info.path),
        content_hash=info.content_hash,
        compression=info.compression,
    )


def write(
    folder: Path,
    recipe: dict[str, Any],
    entries: Iterable[Entry],
    left_out: Iterable[tuple[str, str]] = (),
    classes: Sequence[str] | None = None,
) -> Manifest:
    """Write `folder`/mixset.json, which marks the set as finished; of a training set with its classes."""
    shards = tuple(sorted(entries, key=lambda entry: entry.name))
    count = sum(entry.count for entry in shards)
    named = None if classes is None else tuple(classes)
    manifest = Manifest(recipe, count, shards, _versions(), tuple(left_out), named)
    write_sealed_json(
        folder / NAME,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION if named is None else TRAINING_VERSION,
            "count": manifest.count,
            "recipe": recipe,
            "versions": manifest.versions,
            "shards": [vars(entry) for entry in shards],
            "left_out": manifest.left_out,
            **({} if named is None else {"classes": named}),
        },
    )
    (folder / UNFINISHED).unlink(missing_ok=True)
    return manifest


def read(folder: Path) -> Manifest | None:
    """The manifest of the set in `folder`, or None if there is none.

    Raises:
        DamagedImage: it is damaged, or names something that cannot be a shard's file.
        InputError: its format version is newer than this package's.
    """
    path = folder / NAME
    values = read_json(path)
    if values is None:
        return None
    with _reading(path):
        if values["format"] != FORMAT:
            raise ValueError("not written by mixset")
        version = whole_number(values["format_version"], 1, MOST_INDEX)
        if version > TRAINING_VERSION:
            raise InputError(
                f"{path} has format version {version}, this mixset reads up to {TRAINING_VERSION}: update mixset"
            )
        keys = _KEYS | ({"classes"} if version == TRAINING_VERSION else set())
        if values.keys() != keys:
            raise ValueError(f"{', '.join(sorted(values.keys() ^ keys)):.50}: missing or unknown")
        shards = tuple(Entry(**fields) for fields in values["shards"])
        count = sum(entry.count for entry in shards)
        if values["count"] != count or len({entry.name for entry in shards}) < len(shards):
            raise ValueError("its counts or names disagree")
        left_out = tuple((_text(name), _text(reason)) for name, reason in values["left_out"])
        versions = {name: _text(version) for name, version in values["versions"].items()}
        classes = _classes(values["classes"]) if "classes" in keys else None
        return Manifest(_object(values["recipe"]), values["count"], shards, versions, left_out, classes)


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`, or None if there is no such file.

    Raises:
        DamagedImage: it is not JSON, or not what was written (files of release 0.1.0 have no hash to tell).
        InputError: it is larger than 256 MiB, or cannot be read.
    """
    with _reading(path):
        try:
            content = read_regular(path, _MOST)
        except FileNotFoundError:
            return None
        return unseal_json(content)[0]


def _reading(path: Path) -> contextlib.AbstractContextManager[None]:
    return reading(str(path), "delete it and run the command that made the set again", damage=DamagedImage)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def _classes(values: list[object]) -> tuple[str, ...]:
    names = tuple(plain_name(name, most=255) for name in values)
    if len({*names}) < len(names):
        raise ValueError("two classes have one name")
    return names


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.50} is not text")
    return value


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("pixmix", "numpy", "numba", "h5py", "pillow"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
