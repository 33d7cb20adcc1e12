"""Reading CIFAR-10/100-P, ImageNet-P and sets in their layouts: arrays of sequences, or folders of videos."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.errors import InputError

from ..corruptions._making.suites import SUITES
from ..corruptions._p.suite import P
from ._arrays import open_array
from ._classes import Listing, list_classes
from ._members import (
    check_root,
    find_members,
    known_names,
    manifest_of,
    missing_members,
    open_members,
    source_of,
)
from ._problems import REMEDY, listed, resolve
from ._videos import SUFFIXES, VideoFiles

FRAMES = (31, 41, 21, 16)
"""Lengths of the official sequences: most have 31 frames, ImageNet's translate 41, and CIFAR's have 21 or 16."""

Sequences = np.ndarray | VideoFiles
"""All sequences of a perturbation: (N, frames, H, W, 3) uint8, or a sequence of N (frames, H, W, 3) uint8."""


class PerturbedSet:
    """The sequences of suite p by perturbation.

    Two layouts are read. Arrays: `PERTURBATION.npy`, (N, frames, H, W, 3) uint8, or with the frames as first or last
    axis; the extra perturbations may be in a folder. Folders: `PERTURBATION/CLASS/IMAGE.mp4`, possibly below groups.
    Harder noises are named `gaussian_noise_2` and so on. Every perturbation must hold the same images.

    Args:
        root: the folder of the set.
        partial: leave out whatever is missing or invalid and list it in `problems`, instead of raising.

    Raises:
        InputError: there is no such set; or, without `partial`, something is missing, unknown, truncated or of another
            number of sequences: one line names everything.
    """

    def __init__(self, root: str | os.PathLike[str], *, partial: bool = False) -> None:
        self.root = Path(root)
        check_root(self.root)
        self.source: dict[str, Any]
        """Where the set is from: "source" is "official", or "generated" with everything that determines its images."""
        self._manifest = manifest_of(self.root, "p")
        self.source = source_of(self._manifest)
        self._sets: dict[str, Sequences] = {}
        self._damaged: list[str] = []
        known = known_names(self._manifest, SUITES["p"])
        arrays, paths, problems = find_members(self.root, known)
        if arrays:
            self._read_arrays(paths, problems)
        else:
            self._read_folders(paths, problems)
        missing = missing_members(self.root, P, paths)
        remedy = REMEDY if self._manifest is None else self._manifest.remedy(self._damaged)
        self.problems = resolve(self.root, [*problems, *missing], partial, remedy)
        """A line for everything that is left out."""
        self.perturbations = tuple(name for name in P if name in self._sets)
        """The perturbations among the benchmark's ten, which include snow."""
        self.extra = tuple(name for name in known if name in self._sets and name not in P)
        """The other perturbations; some evaluations of CIFAR-P use spatter instead of snow."""
        if not self.perturbations:
            raise InputError(f"{self.root}: has no complete perturbation of suite p: {listed(self.problems)}")

    def sequences(self, perturbation: str) -> Sequences:
        """The sequences of a perturbation, in the order of the set; InputError if it is not in the set."""
        if perturbation not in self._sets:
            raise InputError(f"{self.root}: no perturbation {perturbation}; it has {', '.join(self._sets)}")
        return self._sets[perturbation]

    def _read_arrays(self, paths: Mapping[str, Path], problems: list[str]) -> None:
        arrays, self._damaged, refused = open_members(self._manifest, paths, _open_sequences)
        problems += refused
        counts = [len(array) for array in arrays.values()]
        count = max(counts, default=0) if self._manifest is None else self._manifest.count
        for name, array in arrays.items():
            if len(array) == count:
                self._sets[name] = array
            else:
                problems.append(f"{paths[name].name}: {len(array):,} sequences, expected {count:,}")

    def _read_folders(self, paths: Mapping[str, Path], problems: list[str]) -> None:
        listings: dict[str, Listing] = {
            name: {kind: files for kind, files in list_classes(path, SUFFIXES).items() if files}
            for name, path in paths.items()
        }
        whole = max(listings.values(), key=lambda listing: sum(map(len, listing.values())), default={})
        names = [file for files in whole.values() for file in files]
        for name, listing in listings.items():
            if whole and listing == whole:
                check = None if self._manifest is None else partial(self._manifest.check, corruption=name)
                self._sets[name] = VideoFiles(paths[name], names, check)
            else:
                videos = {file for files in listing.values() for file in files}
                problems.append(
                    f"{paths[name].relative_to(self.root)}: {len(videos):,} videos, others have {len(names):,} "
                    f"(missing or other: {listed(sorted(videos ^ {*names}), 1) or 'none'})"
                )


def _open_sequences(path: Path) -> np.ndarray:
    return frames_second(open_array(path, "(N, frames, H, W, 3)"), path.name)


def frames_second(array: np.ndarray, name: str) -> np.ndarray:
    """View an array with its frames on the first, second or last axis as (N, frames, H, W, 3).

    Rows and columns are the two adjacent axes of equal length before the three channels. Of the first two axes, the
    frames are the one whose length is in `FRAMES`, else the shorter one; if both qualify, the second.

    Args:
        array: five axes, uint8.
        name: what error messages call it.

    Raises:
        InputError: there are no such axes.
    """
    shape = array.shape
    if shape[4] == 3 and shape[2] == shape[3]:
        if shape[1] in FRAMES:
            return array
        first = shape[0] in FRAMES or shape[0] < shape[1]
        return array.swapaxes(0, 1) if first else array
    if shape[3] == 3 and shape[1] == shape[2]:
        return np.moveaxis(array, 4, 1)
    raise InputError(f"{name}: holds {shape}, needed are square images: (N, frames, H, W, 3) uint8")
