"""Folders of ImageNet's classes: finding the right level, and counting classes and images against what a set has."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from ._classes import Listing, list_classes, list_folders
from ._labels import imagenet_wnids
from ._problems import listed


class Expected(NamedTuple):
    """What the archive of a set holds."""

    title: str
    """What messages call the set."""
    classes: Sequence[str]
    """The WordNet ids of its class folders, sorted."""
    images: int
    """In all classes together."""


def level(root: Path, wanted: Collection[str], archive: Sequence[str]) -> Path:
    """`root`, or the archive's folder in it if `root` itself has none of the wanted folders.

    Args:
        root: the folder that the user names.
        wanted: names of folders, of which one shows the level.
        archive: names that the archive's top folder may have.

    Raises:
        InputError: there is no such folder.
    """
    if {*wanted} & {*list_folders(root)}:
        return root
    return next((root / name for name in archive if os.path.isdir(root / name)), root)


def wnids_of(indices: Sequence[int]) -> tuple[str, ...]:
    """The WordNet ids of ImageNet's classes with these indices."""
    wnids = imagenet_wnids()
    return tuple(wnids[index] for index in indices)


def list_expected(root: Path, expected: Expected) -> tuple[Listing, list[str]]:
    """The images in the expected class folders that have some, and a line for each fault.

    Raises:
        InputError: as for `list_classes`.
    """
    listing = list_classes(root)
    known = {*expected.classes}
    found = {name: files for name, files in listing.items() if files and name in known}
    unknown = [name for name in listing if name not in known]
    problems = [f"{unknown[0]}/: unknown class"] if len(unknown) == 1 else []
    if len(unknown) > 1:
        problems.append(f"{len(unknown):,} unknown classes: {listed(unknown)}")
    if missing := [name for name in expected.classes if name not in found]:
        problems.append(f"{len(missing):,} of {len(expected.classes):,} classes missing: {listed(missing)}")
    if (count := sum(map(len, found.values()))) != expected.images:
        problems.append(f"{count:,} images, {expected.title} has {expected.images:,}")
    return found, problems
