"""Which corruptions or perturbations lie in a folder: by their names, in it or one level down."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mixset.errors import InputError

from ..corruptions import made
from .arrays import LABELS
from .classes import list_folders


def find_arrays(root: Path, known: Collection[str]) -> tuple[dict[str, Path], list[str]]:
    """`NAME.npy` files in `root` and its folders (such as CIFAR-10-P's `extra`): by name, and those of unknown name."""
    groups = [sorted(root.glob("*.npy")), *(sorted((root / name).glob("*.npy")) for name in list_folders(root))]
    found: dict[str, Path] = {}
    unknown = []
    for group in groups:
        if group is not groups[0] and not any(path.stem in known for path in group):
            continue
        for path in group:
            if path.stem in known:
                _add(found, path.stem, path)
            elif path.name != LABELS and not path.name.startswith("."):
                unknown.append(path.relative_to(root).as_posix())
    return found, unknown


def find_folders(root: Path, known: Collection[str]) -> tuple[dict[str, Path], list[str]]:
    """Folders NAME in `root` or in groups of them (`noise/gaussian_noise`): by name, and those of unknown name."""
    found: dict[str, Path] = {}
    unknown = []
    for name in list_folders(root):
        if name in known:
            _add(found, name, root / name)
            continue
        inner = list_folders(root / name)
        if not any(member in known for member in inner):
            unknown.append(f"{name}/")
            continue
        for member in inner:
            if member in known:
                _add(found, member, root / name / member)
            else:
                unknown.append(f"{name}/{member}/")
    return found, unknown


def _add(found: dict[str, Path], name: str, path: Path) -> None:
    if name in found:
        raise InputError(f"{name} is there twice: {found[name]} and {path}; give the folder of one set")
    found[name] = path


def archives(root: Path) -> list[str]:
    """Archives that lie in `root` unpacked by nobody."""
    return sorted(name for name in os.listdir(root) if name.endswith((".tar", ".tar.gz", ".tgz", ".zip")))


def check_root(root: Path) -> None:
    """InputError where `root` is no folder."""
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the one that holds the set's corruptions")


def source_of(root: Path, suite: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Where a set is from, for results, and the recipe by which this package made it, or None.

    Raises:
        InputError: it is of another suite, or what it says of itself is damaged.
    """
    content = made.read(root)
    if content is None:
        return {"source": "official"}, None
    recipe = content["recipe"]
    if recipe.get("suite") != suite:
        raise InputError(f"{root}: holds suite {recipe.get('suite')}, needed is suite {suite}")
    return {"source": "generated", **recipe, "made": content["made"]}, recipe
