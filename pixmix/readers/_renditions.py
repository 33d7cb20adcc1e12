"""Reading ImageNet-R, 30,000 renditions of 200 ImageNet classes."""

from __future__ import annotations

import os
from pathlib import Path

from mixset._common.errors import InputError

from ..measures._references import constants
from ._classes import names_and_labels
from ._files import ImageFiles
from ._labels import number_classes
from ._problems import resolve
from ._transforms import IMAGENET, Transform
from ._wnids import Expected, list_expected, wnids_of

IMAGES = 30_000
"""The number of images in the official archive."""


class RenditionSet:
    """ImageNet-R in the layout of its archive, `WNID/STYLE_N.jpg`; labels are indices into the 200 sorted WordNet ids.

    Args:
        root: the folder `imagenet-r`.
        fit: the transform of each image; default: shorter side to 256 pixels, centre crop of 224.
        partial: leave out whatever is missing or unknown and list it in `problems`, instead of raising.

    Raises:
        InputError: there is no such set; or, without `partial`, a class is missing or unknown, or the number of images
            is not 30,000.
    """

    def __init__(self, root: str | os.PathLike[str], *, fit: Transform = IMAGENET, partial: bool = False) -> None:
        self.root = Path(root)
        self.classes = wnids_of(constants("imagenet_r")["indices"])
        """The 200 WordNet ids in the order of the labels."""
        files_by_class, problems = list_expected(self.root, Expected("ImageNet-R", self.classes, IMAGES))
        self.problems = resolve(self.root, problems, partial)
        """A line for everything that is left out."""
        if not files_by_class:
            raise InputError(f"{self.root}: holds none of ImageNet-R's classes; give its folder imagenet-r")
        numbers = number_classes([*files_by_class], self.classes, where=self.root)
        self.images = ImageFiles(self.root, *names_and_labels(files_by_class, numbers), fit)
        """A sequence of (image, label)."""
        self.source = {"source": "official"}
        """Where the set is from, for results."""
