"""The manifest of a generated set, corruptions.json: its recipe, its finished corruptions and their hashes."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import NoneType
from typing import Any

from mixset._common.errors import DamagedImage, InputError, reading, reason
from mixset._common.jsons import json_hash, unseal_json, write_sealed_json
from mixset._common.partials import remove_abandoned
from mixset._common.regular import open_regular, read_regular
from mixset._common.seals import seal, unseal

NAME = "corruptions.json"
FORMAT, FORMAT_VERSION = "pixmix corruptions", 2
"""The format's name and version; version 1, of pixmix 0.1.0, has no hashes."""
_MOST = 1 << 24
"""The largest manifest in bytes; they usually have a few thousand."""
COUNT = "pictures"
"""The recipe's key for the number of images; it must not change, as a hash of the recipe is part of every file."""
_MARKS = (b'"pixmix corruptions"', b'"format_version"', b'"recipe"')
"""A damaged manifest is expected to contain at least two of these, unlike other programs' files."""
_NAMED = ("digits", "cifar10", "cifar100", "fashionmnist")
_ALL = [1, 2, 3, 4, 5]
_LARGEST = 1 << 14
"""The largest side of an image in pixels."""


@dataclass(frozen=True)
class Manifest:
    """The content of corruptions.json in a folder, with its types and its hash checked."""

    root: Path
    """The folder of the set."""
    recipe: dict[str, Any]
    """Everything that determines the images: suite, dataset, size, severities (None for sequences), seed and others."""
    finished: dict[str, dict[str, Any]]
    """Finished corruption → its `parameters`, `versions`, and the `sha256` of its array or `sealed` for files."""
    labels: str | None = None
    """The SHA-256 of labels.npy; None if there is no such file or hash."""
    subset: int | None = None
    """The number of the data set's images that were requested; None for all."""

    @property
    def count(self) -> int:
        """The number of images."""
        return self.recipe[COUNT]

    @property
    def classes(self) -> list[str]:
        """The names of the classes in the order of labels; empty if they are not recorded."""
        return self.recipe.get("classes", [])

    @property
    def unhashed(self) -> list[str]:
        """Corruptions made by a version without hashes."""
        return [name for name, entry in self.finished.items() if not ("sha256" in entry or entry.get("sealed"))]

    @property
    def stamp(self) -> bytes:
        """The line in each sealed file that identifies its recipe."""
        return stamp_of(self.recipe)

    def command(self, names: Sequence[str] = ()) -> str:
        """The command that makes the folder again, or only the named corruptions."""
        recipe = self.recipe
        dataset = recipe["dataset"] if recipe["dataset"] in _NAMED else f"folder:.../{recipe['dataset']}"
        words = ["pixmix", "corrupt", dataset, str(self.root), "--suite", recipe["suite"], "--size", recipe["size"]]
        words += ["--seed", recipe["seed"]]
        if self.subset is not None:
            words += ["--test-subset", self.subset]
        if recipe["severities"] not in (None, _ALL):
            words += ["--severities", *recipe["severities"]]
        if names:
            words += ["--corruptions", *names]
        return shlex.join(map(str, words))

    def remedy(self, names: Sequence[str] = ()) -> str:
        """What error messages advise about damage."""
        return f"`{self.command(names)}` makes it again"

    def check(self, path: Path, corruption: str) -> None:
        """Raise InputError, with the command that makes it again, if a sealed file is damaged."""
        if not self.finished.get(corruption, {"sealed": True}).get("sealed"):
            return
        with reading(str(path), self.remedy([corruption])):
            check_sealed(read_regular(path), self.stamp)


def stamp_of(recipe: dict[str, Any]) -> bytes:
    """The line that identifies the recipe of a file."""
    return b"\n#recipe:" + json_hash(recipe)[:32].encode()


def sealed(content: bytes, stamp: bytes) -> bytes:
    """The bytes of an image or video, followed by the recipe's stamp and the seal, which decoders ignore."""
    return content + stamp + seal(content + stamp)


def check_sealed(content: bytes, stamp: bytes) -> None:
    """Raise ValueError unless `content` was returned by `sealed` for this recipe."""
    body, has_seal = unseal(content)
    if not has_seal:
        raise ValueError("it lacks its SHA-256")
    if not body.endswith(stamp):
        raise ValueError("it is of another recipe")


def begin(
    out: Path, recipe: dict[str, Any], *, labels: str | None = None, subset: int | None = None, quiet: bool = False
) -> Manifest:
    """Check that `out` can take corruptions of `recipe`, and write the manifest.

    A damaged manifest is replaced by one without finished corruptions, with a line on stderr.

    Args:
        out: the folder, created if missing; partial files of dead writers are removed from it.
        recipe: everything that determines the images, as JSON values.
        labels: the SHA-256 of labels.npy, if there is such a file.
        subset: the number of the data set's images that were requested; None for all.
        quiet: print nothing.

    Returns:
        The manifest.

    Raises:
        InputError: `out` is a file, cannot be written, or holds something else.
    """
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file: give a folder for the corrupted images")
        existing = _read_or_discard(out, quiet)
        if existing is None:
            _check_empty(out)
        out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {reason(error)}; choose another folder") from error
    old_recipe = recipe if existing is None else existing.recipe
    without_classes = {name: value for name, value in recipe.items() if name != "classes"}  # as in 0.1.0
    if old_recipe not in (recipe, without_classes):
        keys = sorted(key for key in {*old_recipe, *recipe} if old_recipe.get(key) != recipe.get(key))
        names = ["images" if key == COUNT else key for key in keys]
        sides = [
            (name, repr(old_recipe.get(key))[:80], repr(recipe.get(key))[:80])
            for name, key in zip(names, keys, strict=True)
        ]
        differences = ", ".join(f"{name} {old} there, {new} asked" for name, old, new in sides)
        raise InputError(f"{out} holds other corruptions ({differences}); choose another folder")
    manifest = Manifest(out, recipe, {} if existing is None else existing.finished, labels, subset)
    if manifest != existing:
        _write(manifest)
    return manifest


def record(out: Path, corruption: str, parameters: Any, *, sha256: str | None = None) -> None:
    """Add a finished corruption to the manifest, with the versions of the packages that made it.

    An entry with the same parameters and hash is kept.

    Args:
        out: the folder of the set.
        corruption: the corruption's name.
        parameters: its parameters at each severity, as JSON values.
        sha256: the hash of its array; None for files, which are sealed individually.
    """
    manifest = read(out)
    assert manifest is not None
    previous = manifest.finished.get(corruption)
    if previous is not None and previous.get("parameters") == parameters and sha256 in (None, previous.get("sha256")):
        return
    entry = {"parameters": parameters, "versions": _versions()}
    manifest.finished[corruption] = entry | ({"sealed": True} if sha256 is None else {"sha256": sha256})
    _write(manifest)


def read(out: Path) -> Manifest | None:
    """Read the manifest in a folder; None if there is none.

    Raises:
        DamagedImage: it is damaged.
        InputError: it cannot be read, or its format version is too new.
    """
    path = out / NAME
    try:
        path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot read {path}: {reason(error)}") from error
    with reading(str(path), "run the command that made it again", damage=DamagedImage):
        return _checked(out, *unseal_json(read_regular(path, _MOST)))


def _checked(out: Path, values: dict[str, Any], hashed: bool) -> Manifest:
    """The manifest in a JSON object; raises any exception if this package cannot have written it."""
    if values.get("format") != FORMAT:
        raise ValueError("it was not written by pixmix corrupt")
    if values["format_version"] > FORMAT_VERSION:
        raise InputError(f"{out / NAME} is of format version {values['format_version']}: update pixmix")
    if not hashed and values["format_version"] != 1:
        raise ValueError("its SHA-256 is missing")
    recipe, finished = values["recipe"], values["made"]
    labels, subset = values.get("labels_sha256"), values.get("test_subset")
    kinds = {
        int: [recipe[COUNT], recipe["size"], recipe["seed"]],
        str: [
            recipe["suite"],
            recipe["dataset"],
            labels or "",
            *recipe.get("classes", []),
            *(entry.get("sha256", "") for entry in finished.values()),
        ],
        dict: [recipe, finished, *finished.values()],
        bool: [entry.get("sealed", True) for entry in finished.values()],
        list: [recipe["severities"] if recipe["suite"] != "p" else _ALL, recipe.get("classes", [])],
    }
    if any(type(value) is not kind for kind, group in kinds.items() for value in group):
        raise ValueError("it holds values of other types")
    steps = kinds[list][0]
    classes = recipe.get("classes", [])
    if not steps or not {*steps} <= {*_ALL} or len({*steps}) < len(steps) or type(subset) not in (int, NoneType):
        raise ValueError("it holds values out of range")
    if recipe[COUNT] < 1 or not 1 <= recipe["size"] <= _LARGEST or len({*classes}) < len(classes):
        raise ValueError("it holds values out of range")
    return Manifest(out, recipe, finished, labels, subset)


def _write(manifest: Manifest) -> None:
    values: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "recipe": manifest.recipe}
    values |= {"made": manifest.finished, "labels_sha256": manifest.labels, "test_subset": manifest.subset}
    write_sealed_json(manifest.root / NAME, values)


def _read_or_discard(out: Path, quiet: bool) -> Manifest | None:
    """The manifest in `out`; None if there is none, or a damaged one, which is reported."""
    try:
        return read(out)
    except DamagedImage as error:
        with open_regular(out / NAME) as file:
            content = file.read(_MOST)
        if sum(mark in content for mark in _MARKS) < 2:
            raise
        if not quiet:
            print(f"{error.args[0].split(';')[0]}: all arrays are made again", file=sys.stderr)
        return None


def _check_empty(out: Path) -> None:
    """Raise InputError if a folder without manifest holds files."""
    if not out.exists() or (out / NAME).exists():
        return
    others = sorted(path.name for path in out.iterdir() if path.suffix != ".partial" and path.name[0] != ".")
    if others:
        raise InputError(f"{out} is not empty and holds no corruptions ({others[0]}); choose another folder")


def _versions() -> dict[str, str]:
    versions = {}
    for package in ("pixmix", "numpy", "scipy", "numba", "pillow"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
