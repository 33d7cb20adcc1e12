"""Reading CIFAR-10/100-C, ImageNet-C, C̄ and sets in their layouts: arrays, or folders by severity and class."""

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

from ..corruptions._making.suites import SUITES, standard
from ..corruptions._shared.base import SMALL
from ..measures._references import constants
from ._arrays import LABELS, open_images, open_labels
from ._classes import Listing, list_classes, list_folders, names_and_labels, number_listing
from ._files import ImageFiles
from ._labels import ClassMap, Known, applicable, renumber
from ._members import (
    check_root,
    find_members,
    hash_of,
    known_names,
    manifest_of,
    missing_members,
    open_members,
    source_of,
)
from ._problems import REMEDY, listed, resolve
from ._robustbench import robustbench_indices
from ._sealed import SealedFiles
from ._severities import SEVERITIES, severity_folders
from ._transforms import benchmark, stretched

DCC3 = tuple(constants("alexnet_3dcc")["errors"])
"""The corruptions of ImageNet-3DCC."""
DCC3_IMAGES = 50_000
"""In each severity of ImageNet-3DCC."""
OFFICIAL = 224
"""The side in pixels of the images in the official ImageNet-C folders."""

Images = tuple[np.ndarray, np.ndarray] | ImageFiles
"""The images of a severity: (N, H, W, 3) uint8 with (N,) labels, or a sequence of (image, label)."""


class CorruptedSet:
    """The images of suite c, cbar or dcc3 (ImageNet-3DCC) by corruption and severity.

    Two layouts are read. Arrays: `CORRUPTION.npy`, (severities · N, H, W, 3) uint8 severity by severity, beside
    `labels.npy`. Folders: `CORRUPTION/SEVERITY/CLASS/IMAGE`, possibly below groups (`noise/gaussian_noise`), with
    severities 1 to 5 or, in C̄, the raw values that its script writes (`2.35`). All must hold the same images. Those of
    ImageNet-3DCC, of which there must be 50,000, are brought to 224x224 px whatever their shape, as RobustBench does.

    Args:
        root: the folder of the set.
        suite: "c", "cbar" or "dcc3".
        resize: for folders, enlarge and crop the images as the paper's code does, instead of the centre crop alone.
        size: for folders, the side of the crop in pixels; default: the size recorded in a generated set, else 224, or
            the images' own size if smaller.
        classes: the network's classes (see `number_classes`), for folders and for arrays of generated sets that record
            class names; default: the set's own classes.
        class_map: class folder → number or name of its class; ignored if the set has none of these folders.
        partial: leave out whatever is missing or invalid and list it in `problems`, instead of raising.
        robustbench: for ImageNet-C in folders, keep the 5,000 images that RobustBench measures, told by their names.

    Raises:
        InputError: there is no such set; or, without `partial`, something is missing, unknown, truncated or of another
            number of images: one line names everything.

    Example:
        >>> import numpy as np
        >>> from pixmix import readers
        >>> np.save("fog.npy", np.zeros((10, 32, 32, 3), np.uint8))  # two images at five severities
        >>> np.save("labels.npy", np.array([0, 1] * 5))
        >>> readers.CorruptedSet(".", "c", partial=True).corruptions
        ('fog',)
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
        robustbench: bool = False,
    ) -> None:
        if suite not in ("c", "cbar", "dcc3"):
            raise InputError(f"suite {suite}: not a suite of corruptions; choose c, cbar or dcc3")
        self.root, self.suite = Path(root), suite
        check_root(self.root)
        self.source: dict[str, Any]
        """Where the set is from: "source" is "official", or "generated" with everything that determines its images."""
        self._manifest = manifest_of(self.root, suite)
        self.source = source_of(self._manifest)
        self.classes: tuple[str, ...] | None = None
        """The names of the class folders; None for arrays."""
        self.numbered = True
        """Whether labels are class numbers of the network; else they are indices into `classes`."""
        self.named = False
        """Whether labels were mapped to the network's classes by name."""
        self.robustbench = robustbench
        """Whether only RobustBench's 5,000 images are kept."""
        self._known: tuple[Known, ClassMap | None] = classes, class_map
        self._sets: dict[str, dict[int, Images]] = {}
        self._damaged: list[str] = []
        known = known_names(self._manifest, DCC3 if suite == "dcc3" else SUITES[suite])
        arrays, paths, problems = find_members(self.root, known)
        if arrays:
            side = self._read_arrays(paths, problems)
        else:
            self._read_folders(paths, size, resize, problems)
            side = OFFICIAL  # folders hold ImageNet's ten of C̄, whatever their images' size
        names = DCC3 if suite == "dcc3" else standard(suite, side)
        # Who made others alone, such as the four that C has for validation, does not miss the benchmark's.
        others = self._manifest is not None and bool(paths) and not any(name in names for name in paths)
        missing = [] if others else missing_members(self.root, names, paths)
        remedy = REMEDY if self._manifest is None else self._manifest.remedy(self._damaged)
        self.problems = resolve(self.root, [*problems, *missing], partial, remedy)
        """A line for everything that is left out."""
        self.corruptions = tuple(name for name in names if name in self._sets)
        """The corruptions of the benchmark, over which its mean is taken, in its order."""
        self.extra = tuple(name for name in known if name in self._sets and name not in names)
        """The other corruptions in this set: the suite's, and the user's own in a generated set."""
        if not self.corruptions and not (others and self.extra):
            raise InputError(f"{self.root}: has no complete corruption of suite {suite}: {listed(self.problems)}")

    def severities(self, corruption: str) -> tuple[int, ...]:
        """The severities of a corruption in this set, ascending; InputError if it is not in the set."""
        return tuple(sorted(self._of(corruption)))

    def images(self, corruption: str, severity: int) -> Images:
        """The images of a corruption at a severity, in the order of the set.

        Args:
            corruption: one of `corruptions` or `extra`.
            severity: one of its `severities`.

        Raises:
            InputError: the set does not have it.
        """
        sets = self._of(corruption)
        if severity not in sets:
            severities = ", ".join(map(str, sorted(sets)))
            raise InputError(f"{self.root}: {corruption} has no severity {severity}; it has {severities}")
        return sets[severity]

    def _of(self, corruption: str) -> dict[int, Images]:
        if corruption not in self._sets:
            raise InputError(f"{self.root}: no corruption {corruption}; it has {', '.join(self._sets)}")
        return self._sets[corruption]

    @property
    def _steps(self) -> tuple[int, ...]:
        """The expected severities, in the order of an array."""
        return SEVERITIES if self._manifest is None else tuple(self._manifest.recipe["severities"])

    def _labels(self, path: Path) -> np.ndarray:
        """The labels of arrays, checked against their hash."""
        manifest = self._manifest
        if manifest is not None and manifest.labels is not None and hash_of(path) not in (None, manifest.labels):
            raise InputError(f"{path} is damaged (its SHA-256 does not match); {manifest.remedy()}")
        if not path.exists():
            raise InputError(f"{self.root}: {path.name} is missing; put it beside the arrays")
        try:
            labels = open_labels(path)
        except InputError as error:
            raise InputError(f"{self.root}: {error}") from None
        if manifest is None:
            return labels
        self.named = bool(manifest.classes) and isinstance(self._known[0], Sequence)
        return renumber(labels, manifest.classes, *self._known, where=self.root)

    def _read_arrays(self, paths: Mapping[str, Path], problems: list[str]) -> int:
        """Split each array into its severities; returns the side of the images."""
        if self.robustbench:
            robustbench_indices((), self.root)
        labels, steps = self._labels(next(iter(paths.values())).parent / LABELS), self._steps
        count, rest = divmod(len(labels), len(steps))
        if rest:
            raise InputError(f"{self.root}: {LABELS} has {len(labels):,} labels, which {len(steps)} does not divide")
        if (labels.reshape(len(steps), count) != labels[:count]).any():
            raise InputError(
                f"{self.root}: {LABELS} differs from severity to severity; each must have the same images in order"
            )
        self._check_count(count, problems)
        arrays, self._damaged, refused = open_members(self._manifest, paths, open_images)
        problems += refused
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
        """List the images of each severity; the severity with the most images shows what the others must hold."""
        steps = self._steps
        listings: dict[tuple[str, int], tuple[Path, Listing]] = {}
        empty: dict[str, tuple[str, ...]] = {}
        shared: dict[tuple[str, ...], tuple[str, ...]] = {}  # 75 times 50,000 names would take 300 MB
        for name, path in paths.items():
            folders = severity_folders(self.suite, name, list_folders(path))
            problems += [f"{name}/{folder}: not a severity" for folder, step in folders.items() if step not in steps]
            absent = [str(step) for step in steps if step not in folders.values()]
            if absent:
                problems.append(f"{name}: severity {', '.join(absent)} missing")
            for folder, step in folders.items():
                if step in steps:
                    classes = list_classes(path / folder).items()
                    listings[name, step] = path / folder, {c: shared.setdefault(f, f) for c, f in classes if f}
                    if self._manifest is None:  # a generated set records its number of images
                        empty |= {kind: () for kind, files in classes if not files}
        whole = max((listing for _, listing in listings.values()), key=_count, default={})
        self._check_count(_count(whole), problems)
        known, class_map = self._known[0], applicable(self._known[1], whole)
        numbers = number_listing({**empty, **whole}, known, class_map, where=self.root) if whole else {}
        names, labels = names_and_labels(whole, numbers)
        if self.robustbench and names:
            kept = robustbench_indices(names, self.root)
            names, labels = [names[index] for index in kept], labels[kept]
        self.classes, self.numbered = tuple(numbers), known is not None or class_map is not None
        if self.suite == "dcc3":
            fit = stretched(size or OFFICIAL)
        else:
            fit = benchmark(size or self._side([path / names[0] for path, files in listings.values() if files]), resize)
        for (name, step), (path, listing) in listings.items():
            if whole and listing == whole:
                files = ImageFiles(path, names, labels, fit)
                if self._manifest is not None:
                    files = SealedFiles(files, partial(self._manifest.check, corruption=name))
                self._sets.setdefault(name, {})[step] = files
            else:
                problems.append(f"{path.relative_to(self.root)}: {_difference(listing, whole)}")

    def _side(self, firsts: Sequence[Path]) -> int:
        """The side that images in folders are cropped to.

        It is recorded in a generated set; otherwise it is 224, or the images' own side if smaller (Tiny-ImageNet-C).

        Args:
            firsts: an image of each corruption and severity, whose headers are read.

        Raises:
            InputError: the images have several sizes, and some are smaller than 224 px.
        """
        if self._manifest is not None:
            return self._manifest.recipe["size"]
        sides: dict[int, Path] = {}
        for path in firsts:
            with suppress(InputError):  # a broken image, which is reported when it is read
                sides.setdefault(min(header_size(path)), path)
        if len(sides) > 1 and min(sides) < OFFICIAL:
            small, large = min(sides), max(sides)
            raise InputError(
                f"{self.root}: {sides[small].relative_to(self.root)} has {small} px and "
                f"{sides[large].relative_to(self.root)} {large}; give the folder of one set"
            )
        return min([OFFICIAL, *sides])

    def _check_count(self, count: int, problems: list[str]) -> None:
        """Note a problem if there are not as many images as a generated set's recipe or ImageNet-3DCC has."""
        if self._manifest is not None and count != self._manifest.count:
            expected = self._manifest.count
            problems.append(f"{count:,} images, its recipe has {expected:,}: run its command again to finish it")
        if self.suite == "dcc3" and count != DCC3_IMAGES:
            problems.append(f"{count:,} images at a severity, ImageNet-3DCC has {DCC3_IMAGES:,}")


def _count(listing: Listing) -> int:
    return sum(map(len, listing.values()))


def _difference(listing: Listing, whole: Listing) -> str:
    """How a listing differs from the one it should equal."""
    files, expected = ({file for names in one.values() for file in names} for one in (listing, whole))
    if expected - files:
        return f"{len(files):,} images, others have {len(expected):,} (missing: {listed(sorted(expected - files), 1)})"
    return f"{len(files):,} images that are not those of the others ({listed(sorted(files - expected), 1)})"
