"""Which corruptions or perturbations lie in a folder: by their names, in it or one level down."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mixset._common.cores import usable_cores
from mixset._common.errors import InputError
from mixset._common.seals import file_hash

from ..corruptions._making import made
from ..corruptions._making.made import Made
from ._arrays import LABELS
from ._classes import list_folders


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
    """InputError where `root` is not a folder."""
    if not os.path.isdir(root):
        raise InputError(f"{root}: no such folder; give the one that holds the set's corruptions")


def made_of(root: Path, suite: str) -> Made | None:
    """What this package wrote of a set that it made; None for others.

    Raises:
        InputError: it is of another suite, or what it says of itself is damaged.
    """
    found = made.read(root)
    if found is not None and found.recipe["suite"] != suite:
        raise InputError(f"{root}: holds suite {found.recipe['suite']}, needed is suite {suite}")
    return found


def source_of(found: Made | None) -> dict[str, Any]:
    """Where a set is from, for results: official, or generated with all that its images are a function of."""
    if found is None:
        return {"source": "official"}
    recipe = {name: value for name, value in found.recipe.items() if name != "classes"}  # they may be a thousand
    return {"source": "generated", **recipe, "made": found.made, "unhashed": found.unhashed}


def damaged(found: Made | None, paths: Mapping[str, Path]) -> dict[str, str]:
    """Corruption → what is wrong with its array, where it has not the hash with which it was written."""
    hashes = {} if found is None else {name: entry.get("sha256") for name, entry in found.made.items()}
    known = [(name, path) for name, path in paths.items() if hashes.get(name)]
    with ThreadPoolExecutor(usable_cores()) as threads:
        digests = list(threads.map(lambda each: hash_of(each[1]), known))
    return {
        name: f"{path.name} is damaged (its SHA-256 does not match)"
        for (name, path), digest in zip(known, digests, strict=True)
        if digest != hashes[name]
    }


def hash_of(path: Path) -> str | None:
    """SHA-256 of a file, computed once a process as long as the file is the same; None where it cannot be read."""
    try:
        status = path.stat()
        key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in _hashes:
            _hashes[key] = file_hash(path)
        return _hashes[key]
    except (OSError, InputError):
        return None


_hashes: dict[tuple[int, ...], str] = {}
