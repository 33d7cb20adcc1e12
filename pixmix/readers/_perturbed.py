"""CIFAR-10/100-P, ImageNet-P and what has their layouts: arrays of sequences, or folders of videos."""

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
from ._arrays import of_one_size, open_array
from ._classes import Listing, list_classes
from ._members import archives, check_root, damaged, find_arrays, find_folders, made_of, source_of
from ._problems import REMEDY, listed, settle
from ._videos import SUFFIXES, VideoFiles

FRAMES = (31, 41, 21, 16)
"""Lengths of the official sequences: most have 31 frames, ImageNet's translate 41; CIFAR's script makes 21 and 16."""

Sequences = np.ndarray | VideoFiles
"""(N, frames, H, W, 3) uint8, or a sequence of N (frames, H, W, 3) uint8."""


class PerturbedSet:
    """The sequences of suite p by perturbation.

    Arrays: `PERTURBATION.npy`, (N, frames, H, W, 3) uint8, or with the frames as first or last axis; extra ones may lie
    in a folder. Folders: `PERTURBATION/CLASS/IMAGE.mp4`, also below groups. Harder noises are `gaussian_noise_2` and
    so on. Every perturbation must hold the same images.

    Args:
        root: the folder of the set.
        partial: leave out what is missing or wrong and list it in `problems`.

    Raises:
        InputError: no such set; or, without `partial`, anything missing, unknown, cut short or of another number: one
            line for all.
    """

    def __init__(self, root: str | os.PathLike[str], *, partial: bool = False) -> None:
        self.root = Path(root)
        check_root(self.root)
        self.source: dict[str, Any]
        """"source" is "official", or "generated" with all that a made set's sequences are a function of."""
        self._made = made_of(self.root, "p")
        self.source = source_of(self._made)
        self._sets: dict[str, Sequences] = {}
        self._damaged: list[str] = []
        paths, unknown = find_arrays(self.root, SUITES["p"])
        problems = [f"{name}: unknown name" for name in unknown]
        if paths:
            self._read_arrays(paths, problems)
        else:
            paths, unknown = find_folders(self.root, SUITES["p"])
            problems += [f"{name}: unknown name" for name in unknown]
            self._read_folders(paths, problems)
        missing = [f"{name}: missing" for name in P if name not in paths]
        if missing and (packed := archives(self.root)):
            missing.insert(0, f"unpack {listed(packed)} first")
        remedy = REMEDY if self._made is None else self._made.remedy(self._damaged)
        self.problems = settle(self.root, [*problems, *missing], partial, remedy)
        """What is left out, and why."""
        self.perturbations = tuple(name for name in P if name in self._sets)
        """Those of the benchmark's ten, snow among them."""
        self.extra = tuple(name for name in SUITES["p"] if name in self._sets and name not in P)
        """The others that are there; some evaluations of CIFAR-P take spatter in the place of snow."""
        if not self.perturbations:
            raise InputError(f"{self.root}: none of the perturbations of suite p is whole: {listed(self.problems)}")

    def sequences(self, perturbation: str) -> Sequences:
        """The sequences of a perturbation, in the order of the set; InputError where it is not there."""
        if perturbation not in self._sets:
            raise InputError(f"{self.root}: no perturbation {perturbation}; there are {', '.join(self._sets)}")
        return self._sets[perturbation]

    def _read_arrays(self, paths: Mapping[str, Path], problems: list[str]) -> None:
        arrays, bad = {}, damaged(self._made, paths)
        self._damaged += bad
        problems += bad.values()
        for name, path in paths.items():
            if name in bad:
                continue
            try:
                arrays[name] = frames_second(open_array(path, "(N, frames, H, W, 3)"), path.name)
            except InputError as error:
                problems.append(str(error))
        arrays, others = of_one_size(arrays)
        problems += others
        counts = [len(array) for array in arrays.values()]
        count = max(counts, default=0) if self._made is None else self._made.count
        for name, array in arrays.items():
            if len(array) == count:
                self._sets[name] = array
            else:
                problems.append(f"{paths[name].name}: {len(array):,} sequences, there should be {count:,}")

    def _read_folders(self, paths: Mapping[str, Path], problems: list[str]) -> None:
        listings: dict[str, Listing] = {
            name: {kind: files for kind, files in list_classes(path, SUFFIXES).items() if files}
            for name, path in paths.items()
        }
        whole = max(listings.values(), key=lambda listing: sum(map(len, listing.values())), default={})
        names = [file for files in whole.values() for file in files]
        for name, listing in listings.items():
            if whole and listing == whole:
                check = None if self._made is None else partial(self._made.check, corruption=name)
                self._sets[name] = VideoFiles(paths[name], names, check)
            else:
                found = {file for files in listing.values() for file in files}
                problems.append(
                    f"{paths[name].relative_to(self.root)}: {len(found):,} videos, others have {len(names):,} "
                    f"(missing or other: {listed(sorted(found ^ {*names}), 1) or 'none'})"
                )


def frames_second(array: np.ndarray, name: str) -> np.ndarray:
    """A view (N, frames, H, W, 3) of an array with its frames on the second, first or last axis.

    Rows and columns are the two neighbouring axes of equal length before the three channels. Of the first two axes,
    frames are the one that has one of `FRAMES`, or else the shorter; where both could be, the second.

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
