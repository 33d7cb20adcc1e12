"""Reading ImageNet-A, -O, -V2 and -Sketch: images of ImageNet's classes that were collected anew."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mixset._common.errors import InputError

from ..measures._references import constants
from ._classes import Listing, list_folders, names_and_labels
from ._files import ImageFiles
from ._labels import imagenet_wnids
from ._members import archives, check_root
from ._problems import listed, resolve, warn_once
from ._transforms import IMAGENET, Transform
from ._wnids import Expected, level, list_expected, wnids_of

VARIANTS = {"matched_frequency": "matched-frequency", "threshold_0.7": "threshold", "top_images": "top-images"}
"""ImageNet-V2's variants, and what the names of their folders contain."""
V2_IMAGES = 10_000
"""In each variant of ImageNet-V2."""
_TITLES = {"a": "ImageNet-A", "o": "ImageNet-O", "v2": "ImageNet-V2", "sketch": "ImageNet-Sketch"}


class _Archive(NamedTuple):
    """How a set with folders of wnids unpacks."""

    images: int
    folders: Sequence[str]
    """Names of the archive's top folder."""
    classes: str = ""
    """The list of its classes among `measures.constants`; empty where it has all 1,000."""


ARCHIVES = {
    "a": _Archive(7_500, ("imagenet-a",), "imagenet_a"),
    "o": _Archive(2_000, ("imagenet-o",), "imagenet_o"),
    "sketch": _Archive(50_000, ("sketch", "imagenet-sketch")),
}
"""The sets in folders of wnids, by suite."""


class ImageNetSet:
    """A set of images of ImageNet's classes in the layout of its archive, all classes and images counted.

    - `a`, ImageNet-A: 7,500 photographs that mislead a ResNet-50, in `WNID/`, of 200 classes.
    - `o`, ImageNet-O: 2,000 outliers; a folder's name is the class that they were mistaken for, and no label.
    - `sketch`, ImageNet-Sketch: 50,000 drawings in `WNID/`. A copy with more images is known, which is read.
    - `v2`, ImageNet-V2: 10,000 images in `0/` to `999/` (some mirrors have wnids) of `imagenetv2-matched-frequency*`,
      `*-threshold0.7*` and `*-top-images*`, of which at least one is needed. Numbers are read as numbers: in the order
      of strings 10 comes before 2.

    Args:
        root: the archive's folder or the one that it lies in; of v2 also the one that all variants lie in.
        suite: "a", "o", "v2" or "sketch".
        fit: the transform of each image; default: shorter side to 256 pixels, centre crop of 224.
        partial: leave out whatever is missing or unknown and list it in `problems`, instead of raising.

    Raises:
        InputError: there is no such set; or, without `partial`, classes are missing or unknown, or the number of images
            is another.

    Example:
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from pixmix import readers
        >>> Path("imagenet-a/n01498041").mkdir(parents=True)
        >>> Image.new("RGB", (300, 300)).save("imagenet-a/n01498041/0.jpg")
        >>> found = readers.ImageNetSet("imagenet-a", "a", partial=True)
        >>> found.images[""].labels, found.indices[0]  # the first of ImageNet-A's classes, number 6 of ImageNet's
        (array([0]), 6)
    """

    def __init__(
        self, root: str | os.PathLike[str], suite: str, *, fit: Transform = IMAGENET, partial: bool = False
    ) -> None:
        if suite not in _TITLES:
            raise InputError(f"suite {suite}: not a suite of ImageNet's classes; choose one of {', '.join(_TITLES)}")
        self.root, self.suite, self.partial = Path(root), suite, partial
        check_root(self.root)
        self.images: dict[str, ImageFiles]
        """Variant → a sequence of (image, label); a set that has no variants has one called ""."""
        self.indices: tuple[int, ...] = tuple(range(len(imagenet_wnids())))
        """The classes that labels count, as indices into ImageNet's 1,000."""
        self.source = {"source": "official"}
        """Where the set is from, for results."""
        if suite == "v2":
            found, problems = _variants(self.root, fit)
        else:
            if ARCHIVES[suite].classes:
                self.indices = tuple(constants(ARCHIVES[suite].classes)["indices"])
            found, problems = self._of_wnids(fit)
        self.problems = resolve(self.root, problems, partial)
        """A line for everything that is left out."""
        self.images = {variant: images for variant, images in found.items() if len(images)}
        if not self.images:
            raise InputError(f"{self.root}: holds none of the classes of {_TITLES[suite]}; give its folder")

    def _of_wnids(self, fit: Transform) -> tuple[dict[str, ImageFiles], list[str]]:
        archive, classes = ARCHIVES[self.suite], wnids_of(self.indices)
        folder = level(self.root, classes, archive.folders)
        found, problems = list_expected(folder, Expected(_TITLES[self.suite], classes, archive.images))
        count = sum(map(len, found.values()))
        if self.suite == "sketch" and count > archive.images:
            problems = [line for line in problems if not line.startswith(f"{count:,} images")]
            warn_once(f"{folder}: {count:,} images, the authors' ImageNet-Sketch has {archive.images:,}; all are taken")
        if not found and (packed := archives(self.root)):
            problems.insert(0, f"unpack {listed(packed)} first")
        names, labels = names_and_labels(found, {name: number for number, name in enumerate(classes)})
        return {"": ImageFiles(folder, names, np.full(len(names), -1) if self.suite == "o" else labels, fit)}, problems


def _variants(root: Path, fit: Transform) -> tuple[dict[str, ImageFiles], list[str]]:
    """The variants of ImageNet-V2 in a folder, or the one that it is itself."""
    folders = [root] if _variant(root.resolve().name) else [root / name for name in list_folders(root)]
    paths: dict[str, Path] = {}
    for path in folders:
        if not (variant := _variant(path.resolve().name if path == root else path.name)):
            continue
        if variant in paths:
            raise InputError(f"{root}: {paths[variant].name} and {path.name} are both {variant}; remove one")
        paths[variant] = path
    if not paths:
        packed = archives(root)
        remedy = f"unpack {listed(packed)} first" if packed else "give one called imagenetv2-matched-frequency or so"
        raise InputError(f"{root}: no folder's name says which variant of ImageNet-V2 it is; {remedy}")
    found, problems = {}, []
    for variant in [name for name in VARIANTS if name in paths]:
        listing, faults = _of_variant(paths[variant])
        problems += [f"{paths[variant].name}: {fault}" for fault in faults]
        numbers = {name: _index(name) for name in listing}
        found[variant] = ImageFiles(paths[variant], *names_and_labels(listing, numbers), fit)
    return found, problems


def _variant(name: str) -> str:
    """The variant that a folder's name says; empty where it says none."""
    return next((variant for variant, part in VARIANTS.items() if part in name.lower()), "")


def _of_variant(path: Path) -> tuple[Listing, list[str]]:
    """The images in the folders of a variant, which are all numbers or all wnids, and its faults."""
    if any(re.fullmatch("[0-9]+", name) for name in list_folders(path)):
        names = tuple(str(number) for number in range(len(imagenet_wnids())))
        found, problems = list_expected(path, Expected(_TITLES["v2"], names, V2_IMAGES))
    else:
        found, problems = list_expected(path, Expected(_TITLES["v2"], imagenet_wnids(), V2_IMAGES))
    return found, problems


def _index(name: str) -> int:
    return int(name) if name.isdigit() else imagenet_wnids().index(name)
