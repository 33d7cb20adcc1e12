"""CIFAR-10/100-C, ImageNet-C, C̄ and what has their layouts: arrays by corruption, or folders by severity and class."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.decoding import header_size
from mixset._common.errors import InputError

from ..corruptions._cbar.suite import CBAR
from ..corruptions._making.suites import SUITES, standard
from ..corruptions._shared.base import SMALL
from ._arrays import LABELS, of_one_size, open_images, open_labels
from ._classes import Listing, list_classes, list_folders, names_and_labels, number_listing
from ._files import ImageFiles
from ._labels import ClassMap, Known, applied, renumber
from ._members import archives, check_root, damaged, find_arrays, find_folders, hash_of, made_of, source_of
from ._problems import REMEDY, listed, settle
from ._sealed import SealedFiles
from ._transforms import benchmark

SEVERITIES = (1, 2, 3, 4, 5)
OFFICIAL = 224
"""Side in pixels of the images of ImageNet's official folders."""

Images = tuple[np.ndarray, np.ndarray] | ImageFiles
"""What `pixmix.evaluate` takes: (N, H, W, 3) uint8 with (N,) labels, or a sequence of (image, label)."""


class CorruptedSet:
    """The images of suite c or cbar by corruption and severity.

    Arrays: `CORRUPTION.npy`, (severities · N, H, W, 3) uint8 severity by severity, beside `labels.npy`. Folders:
    `CORRUPTION/SEVERITY/CLASS/IMAGE`, also below groups (`noise/gaussian_noise`), with severities 1 to 5 or, in C̄,
    the raw values its script writes (`2.35`). Every severity must hold the same images.

    Args:
        root: the folder of the set.
        suite: "c" or "cbar".
        resize: for folders, enlarge and crop as the paper's code does; see `transforms.benchmark`.
        size: side that is cropped from images in folders; by default 224, their own where they are smaller, or as a
            made set says of itself.
        classes: the network's classes, see `labels.number_classes`; for folders, and arrays whose classes a made set
            names. By default the set's own.
        class_map: class folder → number or name of its class; it is for sets that have any of its folders.
        partial: leave out what is missing or wrong and list it in `problems`.

    Raises:
        InputError: no such set; or, without `partial`, anything missing, unknown, cut short or of another number: one
            line for all.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        suite: str,
        *,
        resize: bool = False,
        size: int | None = None,
        classes: Known = None,
        class_map: ClassMap | None = None,
        partial: bool = False,
    ) -> None:
        if suite not in ("c", "cbar"):
            raise InputError(f"suite {suite}: no suite of corruptions; they are c and cbar")
        self.root, self.suite = Path(root), suite
        check_root(self.root)
        self.source: dict[str, Any]
        """"source" is "official", or "generated" with all that a made set's images are a function of."""
        self._made = made_of(self.root, suite)
        self.source = source_of(self._made)
        self.classes: tuple[str, ...] | None = None
        """Names of the class folders; None for arrays."""
        self.numbered = True
        """Whether labels are numbers of the network's classes; else they are places in `classes`."""
        self.named = False
        """Whether labels went by the names of the network's classes."""
        self._known: tuple[Known, ClassMap | None] = classes, class_map
        self._sets: dict[str, dict[int, Images]] = {}
        self._damaged: list[str] = []
        paths, unknown = find_arrays(self.root, SUITES[suite])
        problems = [f"{name}: unknown name" for name in unknown]
        if paths:
            side = self._read_arrays(paths, problems)
        else:
            paths, unknown = find_folders(self.root, SUITES[suite])
            problems += [f"{name}: unknown name" for name in unknown]
            self._read_folders(paths, size, resize, problems)
            side = OFFICIAL  # folders hold ImageNet's ten of C̄, whatever their images' size
        names = standard(suite, side)
        missing = [f"{name}: missing" for name in names if name not in paths]
        if missing and (packed := archives(self.root)):
            missing.insert(0, f"unpack {listed(packed)} first")
        remedy = REMEDY if self._made is None else self._made.remedy(self._damaged)
        self.problems = settle(self.root, [*problems, *missing], partial, remedy)
        """What is left out, and why."""
        self.corruptions = tuple(name for name in names if name in self._sets)
        """Those of the benchmark, of which its mean is taken, in its order."""
        self.extra = tuple(name for name in SUITES[suite] if name in self._sets and name not in names)
        """The others of the suite that are there."""
        if not self.corruptions:
            raise InputError(f"{self.root}: none of the corruptions of suite {suite} is whole: {listed(self.problems)}")

    def severities(self, corruption: str) -> tuple[int, ...]:
        """Those of a corruption that are there, ascending."""
        return tuple(sorted(self._of(corruption)))

    def images(self, corruption: str, severity: int) -> Images:
        """The images of a corruption at a severity, in the order of the set; InputError where they are not there."""
        sets = self._of(corruption)
        if severity not in sets:
            there = ", ".join(map(str, sorted(sets)))
            raise InputError(f"{self.root}: {corruption} has no severity {severity}; there are {there}")
        return sets[severity]

    def _of(self, corruption: str) -> dict[int, Images]:
        if corruption not in self._sets:
            raise InputError(f"{self.root}: no corruption {corruption}; there are {', '.join(self._sets)}")
        return self._sets[corruption]

    @property
    def _steps(self) -> tuple[int, ...]:
        """The severities that should be there, in the order of an array."""
        return SEVERITIES if self._made is None else tuple(self._made.recipe["severities"])

    def _labels(self, path: Path) -> np.ndarray:
        """The labels of arrays, compared with their hash."""
        made = self._made
        if made is not None and made.labels is not None and hash_of(path) not in (None, made.labels):
            raise InputError(f"{path} is damaged (its SHA-256 does not match); {made.remedy()}")
        if not path.exists():
            raise InputError(f"{self.root}: {path.name} is missing; it belongs beside the arrays")
        try:
            labels = open_labels(path)
        except InputError as error:
            raise InputError(f"{self.root}: {error}") from None
        self.named = made is not None and bool(made.classes) and isinstance(self._known[0], Sequence)
        return labels if made is None else renumber(labels, made.classes, *self._known, where=self.root)

    def _read_arrays(self, paths: Mapping[str, Path], problems: list[str]) -> int:
        """Cut each array into its severities; the side of the images."""
        labels, steps = self._labels(next(iter(paths.values())).parent / LABELS), self._steps
        count, rest = divmod(len(labels), len(steps))
        if rest:
            raise InputError(f"{self.root}: {LABELS} has {len(labels):,} labels, which {len(steps)} does not divide")
        if (labels.reshape(len(steps), count) != labels[:count]).any():
            raise InputError(
                f"{self.root}: {LABELS} differs from severity to severity; each must have the same images in order"
            )
        self._check_count(count, problems)
        arrays, bad = {}, damaged(self._made, paths)
        self._damaged += bad
        problems += bad.values()
        for name, path in paths.items():
            if name in bad:
                continue
            try:
                arrays[name] = open_images(path)
            except InputError as error:
                problems.append(str(error))
        arrays, others = of_one_size(arrays)
        problems += others
        for name, array in arrays.items():
            path = paths[name]
            whole, rest = divmod(len(array), count)
            if rest or whole > len(steps):
                problems.append(f"{path.name}: {len(array):,} images, {LABELS} has {len(labels):,}")
                continue
            if whole < len(steps):
                absent = ", ".join(str(step) for step in steps[whole:])
                problems.append(f"{path.name}: severity {absent} missing ({len(array):,} of {len(labels):,} images)")
            rows = [slice(number * count, (number + 1) * count) for number in range(whole)]
            parts = {step: (array[part], labels[part]) for step, part in zip(steps, rows, strict=False)}
            if parts:
                self._sets[name] = dict(parts)
        return next((array.shape[1] for array in arrays.values()), SMALL)

    def _read_folders(
        self,
        paths: Mapping[str, Path],
        size: int | None,
        resize: bool,
        problems: list[str],
    ) -> None:
        """List each severity's images; the severity with most of them says which there should be."""
        steps = self._steps
        listings: dict[tuple[str, int], tuple[Path, Listing]] = {}
        empty: dict[str, tuple[str, ...]] = {}
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}  # 75 times 50,000 names would be a third of a gigabyte
        for name, path in paths.items():
            folders = severity_folders(self.suite, name, list_folders(path))
            problems += [f"{name}/{folder}: no severity" for folder, step in folders.items() if step not in steps]
            absent = [str(step) for step in steps if step not in folders.values()]
            if absent:
                problems.append(f"{name}: severity {', '.join(absent)} missing")
            for folder, step in folders.items():
                if step in steps:
                    found = list_classes(path / folder).items()
                    listings[name, step] = path / folder, {c: shared.setdefault(f, f) for c, f in found if f}
                    if self._made is None:  # of a made one it is known how many there must be
                        empty |= {kind: () for kind, files in found if not files}
        whole = max((listing for _, listing in listings.values()), key=_count, default={})
        self._check_count(_count(whole), problems)
        classes, class_map = self._known[0], applied(self._known[1], whole)
        numbers = number_listing({**empty, **whole}, classes, class_map, where=self.root) if whole else {}
        names, labels = names_and_labels(whole, numbers)
        self.classes, self.numbered = tuple(numbers), classes is not None or class_map is not None
        fit = benchmark(size or self._side([path / names[0] for path, each in listings.values() if each]), resize)
        for (name, step), (path, listing) in listings.items():
            if whole and listing == whole:
                files = ImageFiles(path, names, labels, fit)
                if self._made is not None:
                    files = SealedFiles(files, partial(self._made.check, corruption=name))
                self._sets.setdefault(name, {})[step] = files
            else:
                problems.append(f"{path.relative_to(self.root)}: {_difference(listing, whole)}")

    def _side(self, firsts: Sequence[Path]) -> int:
        """The side that images in folders are cropped to: of a made set as it says, of others 224, or their own where
        that is smaller, as in Tiny-ImageNet-C.

        Args:
            firsts: an image of each corruption and severity, by whose headers it goes.

        Raises:
            InputError: some are smaller than 224 px, and they are of several sizes.
        """
        if self._made is not None:
            return self._made.recipe["size"]
        sides: dict[int, Path] = {}
        for path in firsts:
            with suppress(InputError):  # of a broken image, which is named when it is read
                sides.setdefault(min(header_size(path)), path)
        if len(sides) > 1 and min(sides) < OFFICIAL:
            few, many = min(sides), max(sides)
            raise InputError(
                f"{self.root}: {sides[few].relative_to(self.root)} has {few} px and "
                f"{sides[many].relative_to(self.root)} {many}; give the folder of one set"
            )
        return min([OFFICIAL, *sides])

    def _check_count(self, count: int, problems: list[str]) -> None:
        """A made set has as many images as its recipe says, unless its job has not come to its end."""
        if self._made is not None and count != self._made.count:
            there = self._made.count
            problems.append(f"{count:,} images, its recipe has {there:,}: run its command again to finish it")


def severity_folders(suite: str, corruption: str, names: Sequence[str]) -> dict[str, int]:
    """The severity of each folder of a corruption: its number, or the place of a raw value in C̄'s list; 0 for neither.

    Folders 1 to 5 are severities. Any other number makes all of them raw values of C̄; its script writes two digits
    after the point, so that its 1.00 and a severity 1 are told apart.
    """
    numbers = [name for name in names if _number(name)]
    if suite == "cbar" and not {*numbers} <= {*"12345"}:
        indices = {float(value): index for index, value in enumerate(CBAR[corruption].large, 1)}
        return {name: indices.get(float(name), 0) if name in numbers else 0 for name in names}
    return {name: int(name) if name in {*"12345"} else 0 for name in names}


def _number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _count(listing: Listing) -> int:
    return sum(map(len, listing.values()))


def _difference(listing: Listing, whole: Listing) -> str:
    """How a listing differs from the one it should equal."""
    there, needed = ({file for files in each.values() for file in files} for each in (listing, whole))
    if needed - there:
        return f"{len(there):,} images, others have {len(needed):,} (missing: {listed(sorted(needed - there), 1)})"
    return f"{len(there):,} images that are not those of the others ({listed(sorted(there - needed), 1)})"
