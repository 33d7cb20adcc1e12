"""Decoding JPEG files by simplejpeg: Pillow's bytes, in two thirds of its time, without the interpreter's lock."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

simplejpeg: Any = None
with contextlib.suppress(ImportError):  # there are systems without a wheel of it; Pillow decodes there
    import simplejpeg

Rows = Callable[[int, int], int]
"""How many rows of an image are needed, from the top, by its height and width."""
_ORIENTATION = 0x0112
_MARGIN = 2
"""Rows below those needed that their colours depend on, where colours are stored at half the height."""
_BLOCK = 16
"""Rows that are decoded together."""
_FRAME, _SCAN, _RESTARTS, _END = b"\xff\xc0", b"\xff\xda", b"\xff\xdd", b"\xff\xd9"
"""Markers: of the usual kind of frame, a scan, restarts within scans, and the file's end."""


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
    if simplejpeg is None or image.format != "JPEG" or image.mode not in ("L", "RGB") or image.fp is None:
        return None
    if transpose and image.getexif().get(_ORIENTATION, 1) != 1:
        return None
    position = image.fp.tell()
    image.fp.seek(0)
    data = image.fp.read()
    image.fp.seek(position)
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
    warnings are of no use; that the file is whole is seen by its last bytes. Of files with several scans or restarts
    the rest does not come in the order of rows.

    Raises:
        ValueError: the file cannot be decoded.
    """
    rows = -(-(rows + _MARGIN) // _BLOCK) * _BLOCK
    if rows >= height or not data.endswith(_END) or _RESTARTS in data:
        return None
    if data.count(_FRAME) != 1 or data.count(_SCAN) != 1:
        return None
    # After the marker, the segment's length and the bits of a sample: height and width.
    place = data.index(_FRAME) + 5
    if data[place : place + 4] != height.to_bytes(2, "big") + width.to_bytes(2, "big"):
        return None
    pixels = np.empty((height, width, 3), np.uint8)
    shorter = data[:place] + rows.to_bytes(2, "big") + data[place + 2 :]
    top = simplejpeg.decode_jpeg(shorter, "RGB", buffer=pixels[:rows], strict=False)
    return pixels if top.shape == (rows, width, 3) else None
