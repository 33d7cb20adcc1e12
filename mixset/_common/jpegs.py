"""Decoding JPEG files by simplejpeg: Pillow's bytes, in two thirds of its time, without the interpreter's lock."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from PIL import Image

simplejpeg: Any = None
with contextlib.suppress(ImportError):  # there are systems without a wheel of it; Pillow decodes there
    import simplejpeg

_ORIENTATION = 0x0112


def decode_jpeg(image: Image.Image, *, transpose: bool) -> np.ndarray | None:
    """Decode an opened image that is not loaded yet; None where that is left to Pillow.

    Pillow has read the header, so what is a JPEG, how large one may be, and which way is up are its decisions. What it
    keeps: CMYK, images to be turned, and files in which the decoder meets any fault, also one that Pillow overlooks.

    Args:
        image: as `Image.open` gives it.
        transpose: whether the EXIF orientation is to be applied.

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
    try:
        pixels = simplejpeg.decode_jpeg(data, "RGB")  # strict: what libjpeg only warns of is an error, too
    except ValueError:
        return None
    return pixels if pixels.shape[:2] == (image.height, image.width) else None
