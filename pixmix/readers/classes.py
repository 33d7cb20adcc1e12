"""Class folders: which pictures are in them, and which class a folder's pictures belong to."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from mixset.errors import InputError
from mixset.pictures import SUFFIXES

from .files import Fit, PictureFiles
from .problems import listed

Listing = Mapping[str, tuple[str, ...]]
"""Class folder → names of the files in it, both sorted."""


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The folder names of ImageNet's 1,000 classes, sorted: the place is the class number."""
    return tuple(json.loads((resources.files(__package__) / "imagenet_classes.json").read_text("utf-8"))["wnids"])


def list_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted, hidden ones left out. Raises InputError where there is no such."""
    try:
        with os.scandir(root) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError as error:
        raise InputError(f"{root}: {(error.strerror or 'not readable').lower()}; give the folder of the set") from None


def list_classes(root: Path, suffixes: Collection[str] = SUFFIXES) -> Listing:
    """The files with such suffixes in each class folder of `root`; folders without any are left out."""
    found = {}
    for name in list_folders(root):
        with os.scandir(root / name) as entries:
            files = tuple(sorted(entry.name for entry in entries if _has_suffix(entry.name, suffixes)))
        if files:
            found[name] = files
    return found


def class_numbers(names: Sequence[str], classes: Sequence[str] | None, root: Path) -> dict[str, int]:
    """The number of each class folder: its rank among the sorted names, or its place in `classes`.

    Raises:
        InputError: a folder that is none of `classes`.
    """
    numbers = {name: number for number, name in enumerate(sorted(names) if classes is None else classes)}
    unknown = [name for name in names if name not in numbers]
    if unknown:
        raise InputError(f"{root}: {listed(unknown)}: none of the {len(numbers):,} classes given")
    return numbers


def names_and_labels(listing: Listing, numbers: Mapping[str, int]) -> tuple[list[str], np.ndarray]:
    """CLASS/FILE of each picture of a listing, and (N,) the number of its class."""
    names = [f"{name}/{file}" for name, files in listing.items() for file in files]
    return names, np.repeat([numbers[name] for name in listing], [len(files) for files in listing.values()])


def read_class_folders(root: str | os.PathLike[str], fit: Fit, *, classes: Sequence[str] | None = None) -> PictureFiles:
    """The pictures of a folder with a folder for each class, such as ImageNet's sorted validation set.

    Args:
        fit: `transforms.IMAGENET`, or another.
        classes: folder names by class number; by default the sorted names of the folders there.

    Raises:
        InputError: no folder, no picture in its class folders, or a folder that is none of `classes`.
    """
    path = Path(root)
    listing = list_classes(path)
    if not listing:
        raise InputError(f"{path}: no picture in its class folders; it needs a folder for each class")
    return PictureFiles(path, *names_and_labels(listing, class_numbers(list(listing), classes, path)), fit)


def _has_suffix(name: str, suffixes: Collection[str]) -> bool:
    return os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")
