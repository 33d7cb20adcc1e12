"""corruptions.json: what a folder of corrupted images holds, all that its images are a function of, and hashes."""

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
"""Version 1, of pixmix 0.1.0, knows no hashes."""
_MOST = 1 << 24
"""Bytes; what is written has some thousands."""
COUNT = "pictures"
"""The key under which a recipe counts its images: a hash of the recipe lies in every file, so it stays as it was."""
_OURS = (b'"pixmix corruptions"', b'"format_version"', b'"recipe"')
"""Of these a damaged file of ours still has two, and another program's has not."""
_NAMED = ("digits", "cifar10", "cifar100", "fashionmnist")
_ALL = [1, 2, 3, 4, 5]
_LARGEST = 1 << 14
"""Side in pixels."""


@dataclass(frozen=True)
class Made:
    """What corruptions.json in a folder says, its types and its own hash checked."""

    root: Path
    recipe: dict[str, Any]
    """suite, dataset, images, size, severities (None for sequences), seed, and more that they are a function of."""
    made: dict[str, dict[str, Any]]
    """Corruption that is whole → `parameters`, `versions`, and `sha256` of its array or `sealed` for files."""
    labels: str | None = None
    """SHA-256 of labels.npy; None where there is no such file or hash."""
    subset: int | None = None
    """How many of the data set's images were asked for; None for all."""

    @property
    def count(self) -> int:
        """How many images were corrupted."""
        return self.recipe[COUNT]

    @property
    def classes(self) -> list[str]:
        """Names of the classes by label; none where they are not known."""
        return self.recipe.get("classes", [])

    @property
    def unhashed(self) -> list[str]:
        """Corruptions that were made by a version without hashes."""
        return [name for name, entry in self.made.items() if not ("sha256" in entry or entry.get("sealed"))]

    @property
    def stamp(self) -> bytes:
        """The line behind each sealed file that says of which recipe it is."""
        return stamp_of(self.recipe)

    def command(self, names: Sequence[str] = ()) -> str:
        """The command that makes the folder, or some of its corruptions, again."""
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
        """What to do about damage."""
        return f"`{self.command(names)}` makes it again"

    def check(self, path: Path, corruption: str) -> None:
        """See that a sealed file is as it was written; InputError, with the command that makes it again."""
        if not self.made.get(corruption, {"sealed": True}).get("sealed"):
            return
        with reading(str(path), self.remedy([corruption])):
            check_sealed(read_regular(path), self.stamp)


def stamp_of(recipe: dict[str, Any]) -> bytes:
    """The line that says of which recipe a file is."""
    return b"\n#recipe:" + json_hash(recipe)[:32].encode()


def sealed(content: bytes, stamp: bytes) -> bytes:
    """An image's or video's bytes with the recipe's line and the seal behind, which their readers pass over."""
    return content + stamp + seal(content + stamp)


def check_sealed(content: bytes, stamp: bytes) -> None:
    """ValueError where `content` is not what `sealed` gave for an image of this recipe."""
    body, found = unseal(content)
    if not found:
        raise ValueError("it lacks its SHA-256")
    if not body.endswith(stamp):
        raise ValueError("it is of another recipe")


def begin(
    out: Path, recipe: dict[str, Any], *, labels: str | None = None, subset: int | None = None, quiet: bool = False
) -> Made:
    """See that `out` may take corruptions of `recipe`, and say so in it; what dead writers left there is removed.

    A damaged corruptions.json of ours is written anew, with nothing made, and one line on stderr says so.

    Args:
        out: the folder; made when missing.
        recipe: suite, data set, size, seed and severities, as JSON values.
        labels, subset: as `Made` has them.
        quiet: say nothing.

    Raises:
        InputError: `out` is a file, cannot be written, or holds something else.
    """
    try:
        if out.exists() and not out.is_dir():
            raise InputError(f"{out} is a file: give a folder for the corrupted images")
        there = _there(out, quiet)
        if there is None:
            _check_empty(out)
        out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {reason(error)}; choose another folder") from error
    held = recipe if there is None else there.recipe
    if held not in (recipe, {name: value for name, value in recipe.items() if name != "classes"}):  # 0.1.0 named none
        names = sorted(name for name in {*held, *recipe} if held.get(name) != recipe.get(name))
        sides = [(name, repr(held.get(name))[:80], repr(recipe.get(name))[:80]) for name in names]
        differences = ", ".join(f"{name} {old} there, {new} asked" for name, old, new in sides)
        raise InputError(f"{out} holds other corruptions ({differences}); choose another folder")
    begun = Made(out, recipe, {} if there is None else there.made, labels, subset)
    if begun != there:
        _write(begun)
    return begun


def record(out: Path, corruption: str, parameters: Any, *, sha256: str | None = None) -> None:
    """Add a corruption that is finished, with its parameters, the versions of what made it, and its hash.

    Args:
        parameters: as JSON values.
        sha256: of its array; None for files, which are sealed each. What is there under the same hash stays.
    """
    there = read(out)
    assert there is not None
    known = there.made.get(corruption)
    if known is not None and known.get("parameters") == parameters and sha256 in (None, known.get("sha256")):
        return
    entry = {"parameters": parameters, "versions": _versions()}
    there.made[corruption] = entry | ({"sealed": True} if sha256 is None else {"sha256": sha256})
    _write(there)


def read(out: Path) -> Made | None:
    """What corruptions.json in a folder says; None where there is none.

    Raises:
        DamagedImage: it is damaged.
        InputError: it cannot be read, or is of a later format.
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


def _checked(out: Path, values: dict[str, Any], hashed: bool) -> Made:
    """What the JSON value says; anything is raised where that is not what this package writes."""
    if values.get("format") != FORMAT:
        raise ValueError("it is not of pixmix corrupt")
    if values["format_version"] > FORMAT_VERSION:
        raise InputError(f"{out / NAME} is of format version {values['format_version']}: update pixmix")
    if not hashed and values["format_version"] != 1:
        raise ValueError("its SHA-256 is missing")
    recipe, made = values["recipe"], values["made"]
    labels, subset = values.get("labels_sha256"), values.get("test_subset")
    kinds = {
        int: [recipe[COUNT], recipe["size"], recipe["seed"]],
        str: [
            recipe["suite"],
            recipe["dataset"],
            labels or "",
            *recipe.get("classes", []),
            *(entry.get("sha256", "") for entry in made.values()),
        ],
        dict: [recipe, made, *made.values()],
        bool: [entry.get("sealed", True) for entry in made.values()],
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
    return Made(out, recipe, made, labels, subset)


def _write(made: Made) -> None:
    values: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "recipe": made.recipe}
    values |= {"made": made.made, "labels_sha256": made.labels, "test_subset": made.subset}
    write_sealed_json(made.root / NAME, values)


def _there(out: Path, quiet: bool) -> Made | None:
    """What `out` holds; None also where it says that in a damaged file of ours."""
    try:
        return read(out)
    except DamagedImage as error:
        with open_regular(out / NAME) as file:
            content = file.read(_MOST)
        if sum(mark in content for mark in _OURS) < 2:
            raise
        if not quiet:
            print(f"{error.args[0].split(';')[0]}: all arrays are made again", file=sys.stderr)
        return None


def _check_empty(out: Path) -> None:
    """InputError where a folder holds files of somebody else."""
    if not out.exists() or (out / NAME).exists():
        return
    others = sorted(path.name for path in out.iterdir() if path.suffix != ".partial" and path.name[0] != ".")
    if others:
        raise InputError(f"{out} is not empty and holds no corruptions ({others[0]}); choose another folder")


def _versions() -> dict[str, str]:
    found = {}
    for package in ("pixmix", "numpy", "scipy", "numba", "pillow"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
