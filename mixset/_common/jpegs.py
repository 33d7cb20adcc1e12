"""Decoding JPEG files by simplejpeg: Pillow's bytes, in two thirds of its time, without the interpreter's lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

simplejpeg: Any = None
with contextlib.suppress(ImportError):  # there are systems without a wheel of it; Pillow decodes there
    import simplejpeg as _found

    simplejpeg = _found

Rows = Callable[[int, int], int]
"""How many rows of an image are needed, from the top, by its height and width."""
_ORIENTATION = 0x0112
_MARGIN = 2
"""Rows below those needed that their colours depend on, where colours are stored at half the height."""
_BLOCK = 16
"""Rows that are decoded together."""
_FRAME, _SCAN, _TABLES = 0xC0, 0xDA, (0xC4, 0xDB, 0xFE, *range(0xE0, 0xF0))
"""Kinds of segments: the usual frame, a scan, and those that say nothing of where pixels are."""


def decode_jpeg(image: Image.Image, *, transpose: bool, needed: Rows | None = None) -> np.ndarray | None:
    """Decode an opened image that is not loaded yet; None where that is left to Pillow.

    Pillow has read the header, so what is a JPEG, how large one may be, and which way is up are its decisions. What it
    keeps: CMYK, images to be turned, and files in which the decoder meets any fault, also one that Pillow overlooks.

    Args:
        image: as `Image.open` gives it.
        transpose: whether the EXIF orientation is to be applied.
        needed: the rows that are used; what is below may be anything.

    Returns:
        (H, W, 3) uint8, the bytes of Pillow's decoder; of grey images three equal channels.
    """
    stream: Any = getattr(image, "fp", None)
    if simplejpeg is None or image.format != "JPEG" or image.mode not in ("L", "RGB") or stream is None:
        return None
    if transpose and image.getexif().get(_ORIENTATION, 1) != 1:
        return None
    position = stream.tell()
    stream.seek(0)
    data = stream.read()
    stream.seek(position)
    height, width = image.height, image.width
    try:
        if needed is not None and (pixels := _decode_top(data, height, width, needed(height, width))) is not None:
            return pixels
        pixels = simplejpeg.decode_jpeg(data, "RGB")  # strict: what libjpeg only warns of is an error, too
    except ValueError:
        return None
    return pixels if pixels.shape[:2] == (height, width) else None


def _decode_top(data: bytes, height: int, width: int, rows: int) -> np.ndarray | None:
    """(H, W, 3) uint8 of which the first `rows` rows are decoded; None where that saves nothing or cannot be told.

    The decoder is told of an image of so many rows only, and stops there. It then warns of the bytes that are left, so
    warnings are of no use; that the file is whole is seen by its last bytes.

    Raises:
        ValueError: the file cannot be decoded.
    """
    rows = -(-(rows + _MARGIN) // _BLOCK) * _BLOCK
    if rows >= height or not data.endswith(b"\xff\xd9"):
        return None
    place = _height_place(data)
    if place is None or data[place : place + 4] != height.to_bytes(2, "big") + width.to_bytes(2, "big"):
        return None
    pixels = np.empty((height, width, 3), np.uint8)
    shorter = data[:place] + rows.to_bytes(2, "big") + data[place + 2 :]
    top = simplejpeg.decode_jpeg(shorter, "RGB", buffer=pixels[:rows], strict=False)
    return pixels if top.shape == (rows, width, 3) else None


def _height_place(data: bytes) -> int | None:
    """Where a file's height stands, if its pixels come in one scan from top to bottom, without restarts; else None."""
    place, frame = 2, 0
    while place + 10 < len(data) and data[place] == 0xFF:
        kind, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if kind == _FRAME and not frame:
            frame = place
        elif kind == _SCAN:
            # All components are in the first scan: of this kind of frame it is the only one.
            return frame + 5 if frame and data[place + 4] == data[frame + 9] else None
        elif kind not in _TABLES:
            return None
        place += 2 + length
    return None
