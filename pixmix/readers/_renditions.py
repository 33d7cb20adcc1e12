"""ImageNet-R: 30,000 renditions of 200 of ImageNet's classes."""

from __future__ import annotations

import os
from pathlib import Path

from mixset._common.errors import InputError

from ..measures._references import constants
from ._classes import list_classes, names_and_labels
from ._files import ImageFiles
from ._labels import imagenet_wnids, number_classes
from ._problems import listed, settle
from ._transforms import IMAGENET, Transform

IMAGES = 30_000
"""In the official archive."""


class RenditionSet:
    """ImageNet-R as its archive has it: `WNID/STYLE_N.jpg`; a label is the rank of the wnid among the 200.

    Args:
        root: the folder `imagenet-r`.
        fit: by default shorter side to 256, centre of 224.
        partial: leave out what is missing or unknown and list it in `problems`.

    Raises:
        InputError: no such set; or, without `partial`, a class missing or unknown, or another number of images.
    """

    def __init__(self, root: str | os.PathLike[str], *, fit: Transform = IMAGENET, partial: bool = False) -> None:
        self.root = Path(root)
        wnids = imagenet_wnids()
        self.classes = tuple(wnids[index] for index in constants("imagenet_r")["indices"])
        """The 200 wnids by class number."""
        listing = list_classes(self.root)
        kept = {name: files for name, files in listing.items() if files and name in self.classes}
        count = sum(map(len, kept.values()))
        problems = [f"{name}/: unknown class" for name in listing if name not in self.classes]
        if missing := [name for name in self.classes if name not in kept]:
            problems.append(f"{len(missing)} of 200 classes missing: {listed(missing)}")
        if count != IMAGES:
            problems.append(f"{count:,} images, ImageNet-R has {IMAGES:,}")
        self.problems = settle(self.root, problems, partial)
        """What is left out, and why."""
        if not kept:
            raise InputError(f"{self.root}: holds none of ImageNet-R's classes; give its folder imagenet-r")
        numbers = number_classes([*kept], self.classes, where=self.root)
        self.images = ImageFiles(self.root, *names_and_labels(kept, numbers), fit)
        """A sequence of (image, label)."""
        self.source = {"source": "official"}
