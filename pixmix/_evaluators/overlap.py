"""Images of one set that are in another, so that nothing is fitted on what is measured."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from mixset._common.errors import InputError

from ..readers import ImageFiles
from .image_sets import ImageSet

FEW = 0.01
"""The share of images in common that is let pass: CIFAR-10 and others have a few images in two of their own parts."""


def check_apart(name: str, images: ImageSet, what: str, measured: ImageSet) -> None:
    """InputError where more than a few images of a set are measured, too, as far as can be seen.

    Images in memory are compared by their content, those in files by their paths; of other kinds nothing is known.

    Args:
        name: the argument that gave `images`.
        what: the measured images' name.
    """
    one, other = _marks(images), _marks(measured)
    shared = len(one & other)
    if shared > FEW * len(images):
        raise InputError(f"{name}: {shared:,} of its {len(images):,} images are among the {what}; give others")


def _marks(images: ImageSet) -> set[bytes]:
    """What tells an image from others: the hash of its content, or the path of its file."""
    if images.array is not None:
        rows = (np.ascontiguousarray(row) for row in images.array)
        return {hashlib.blake2b(row.data, digest_size=16).digest() for row in rows}
    items = images.items
    if isinstance(items, ImageFiles):
        return {os.fsencode(os.path.realpath(items.root / name)) for name in items.names}
    return {os.fsencode(os.path.realpath(file)) for file in getattr(items, "files", ())}
