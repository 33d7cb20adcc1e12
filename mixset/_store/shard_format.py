"""What a shard's writer and its readers agree on."""

from __future__ import annotations

import hashlib
import re

import h5py
import numpy as np

FORMAT = "mixset"
FORMAT_VERSION = 1
COMPRESSIONS = ("none", "gzip")
MOST_PIXELS = 1 << 27
"""Of an image: no file decides how much memory its reader needs."""
MOST_INDEX = 1 << 53
"""Of indices and counts: whole numbers that JSON readers of any language keep."""


class ContentHash:
    """SHA-256 over all images, then all seeds, then all params: what a shard holds, whatever its compression."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.images = hashlib.sha256(f"{shape[0]}x{shape[1]}x3:".encode())

    def add(self, image: np.ndarray) -> None:
        self.images.update(image.data)

    def finish(self, seeds: list[int], params: list[bytes]) -> str:
        whole = self.images.copy()
        whole.update(np.array(seeds, "<u8").tobytes())
        for text in params:
            whole.update(b"%d:%s" % (len(text), text))
        return whole.hexdigest()


def fixed_width(text: str) -> np.ndarray:
    """Text for an attribute; HDF5 would keep text of variable width in a heap that has no checksum."""
    data = text.encode()
    return np.array(data, h5py.string_dtype("utf-8", len(data)))


def plain_name(name: object, *, most: int = 100) -> str:
    """`name`, if it can be nothing but a name in the folder it is used in.

    Args:
        most: how many bytes it may have.

    Raises:
        ValueError: it is not text, empty, too long, hidden, has a separator or characters that do not print.
    """
    if not isinstance(name, str):
        raise ValueError(f"{name!r:.50} is not a name")
    if not name or name.startswith(".") or not name.isprintable() or set(name) & {"/", "\\"}:
        raise ValueError(f"{name!r:.50} is not a plain name")
    if len(name.encode()) > most:
        raise ValueError(f"the name {name!r:.50}... has more than {most} bytes")
    return name


def check_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """(H, W) of a shard's images, if they can be that; ValueError else."""
    if len(shape) != 2:
        raise ValueError(f"{shape} is no (height, width)")
    height, width = (whole_number(side, 1, MOST_PIXELS) for side in shape)
    if height * width > MOST_PIXELS:
        raise ValueError(f"images of {height:,} x {width:,} pixels are larger than {MOST_PIXELS:,}")
    return height, width


def whole_number(value: object, least: int, most: int) -> int:
    """`value`, if it is a whole number (Python's or NumPy's) from `least` to `most`; ValueError else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ValueError(f"{value!r:.50} is not a whole number from {least:,} to {most:,}")
    return int(value)


def hash_text(value: object) -> str:
    """`value`, if it is a SHA-256 in hexadecimal; ValueError else."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError(f"{value!r:.50} is not a SHA-256")
    return value
