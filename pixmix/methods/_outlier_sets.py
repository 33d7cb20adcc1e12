"""The images that outlier exposure trains with, from whatever they are kept in, at training size."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError
from mixset._store.mixing_set import MixingSet
from mixset._store.pool import MixingPool
from mixset._store.sources import Array


def load_outliers(
    path: str | os.PathLike[str],
    size: int | tuple[int, int],
    *,
    cache: str | os.PathLike[str] | None = None,
    quiet: bool = False,
) -> np.ndarray:
    """A set of images as one memory-mapped array (M, H, W, 3) uint8, read-only.

    Args:
        path: a folder of images or a mixing set, whose images are scaled and centre-cropped once into a file of the
            cache folder; or a .npy array such as 300K_random_images.npy, which is used as it lies.
        size: S or (H, W) of the training images.
        cache: a folder in place of `mixset._common.cache.cache_folder()`.
        quiet: no progress on stderr.

    Raises:
        InputError: nothing there, no or broken images, or an array of another type, shape or size.
        DamagedImage: a damaged image or shard.
    """
    path = Path(path)
    height, width = (size, size) if isinstance(size, int) else size
    if not path.exists():
        raise InputError(f"outliers {path}: no such folder or file; give a folder of images, a set or a .npy array")
    if path.suffix != ".npy" or path.is_dir():
        return MixingPool(MixingSet(path), (height, width), margin=False, cache=cache, quiet=quiet).images
    images = Array(path).images
    if not len(images):
        raise InputError(f"outliers {path}: holds no images")
    h, w = images.shape[1:3]
    if (h, w) != (height, width):
        raise InputError(
            f"outliers {path}: its images are {h}x{w} pixels, needed is {height}x{width}; make a set of them by "
            f"`mixset import {path} OUT --size {max(height, width)}` and give that"
        )
    return images
