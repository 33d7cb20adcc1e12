"""The shard format: versions, limits and checks shared by its writer and readers."""

from __future__ import annotations

import hashlib
import re

import h5py
import numpy as np

FORMAT = "mixset"
FORMAT_VERSION = 1
TRAINING_VERSION = 2
"""The format version of training sets: labelled image files, kept as bytes (`mixset._stored`)."""
TRAIN_WITH_IT = "train with it as store:FOLDER"
COMPRESSIONS = ("none", "gzip")
MOST_PIXELS = 1 << 27
"""The most pixels of an image, which bounds the memory that a file can make its reader allocate."""
MOST_INDEX = 1 << 53
"""The largest index or count: JSON readers of any language represent whole numbers up to it exactly."""


class ContentHash:
    """A SHA-256 over all images, then all seeds, then all params of a shard, independent of its compression.

    Args:
        shape: (H, W) of every image.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.images = hashlib.sha256(f"{shape[0]}x{shape[1]}x3:".encode())

    def add(self, image: np.ndarray) -> None:
        """Add the next image, (H, W, 3) uint8 and contiguous."""
        self.images.update(image.data)

    def finish(self, seeds: list[int], params: list[bytes]) -> str:
        """The hash in hexadecimal, given the seed and params of every image; more images may be added after it."""
        digest = self.images.copy()
        digest.update(np.array(seeds, "<u8").tobytes())
        for text in params:
            digest.update(b"%d:%s" % (len(text), text))
        return digest.hexdigest()


def fixed_width(text: str) -> np.ndarray:
    """`text` as a fixed-width attribute; HDF5 keeps variable-width text in a heap without checksums."""
    data = text.encode()
    return np.array(data, h5py.string_dtype("utf-8", len(data)))


def check_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return `shape` as (H, W); raises ValueError if a shard's images cannot have it."""
    if len(shape) != 2:
        raise ValueError(f"{shape} is not a (height, width)")
    height, width = (whole_number(side, 1, MOST_PIXELS) for side in shape)
    if height * width > MOST_PIXELS:
        raise ValueError(f"images of {height:,} x {width:,} pixels are larger than {MOST_PIXELS:,}")
    return height, width


def whole_number(value: object, least: int, most: int) -> int:
    """Return `value` as an int; raises ValueError unless it is a whole number (or NumPy's) from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ValueError(f"{value!r:.50} is not a whole number from {least:,} to {most:,}")
    return int(value)


def hash_text(value: object) -> str:
    """Return `value`; raises ValueError unless it is a SHA-256 in hexadecimal."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError(f"{value!r:.50} is not a SHA-256")
    return value
