"""Contrast, pixelation and JPEG compression."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .._shared.base import Corruption, Fields, ImageArray, draws_nothing, to_bytes


def _reduce_contrast(image: ImageArray, factor: float, fields: Fields) -> ImageArray:
    values = image / 255.0
    means = values.mean(axis=(0, 1), keepdims=True)
    return to_bytes(((values - means) * factor + means) * 255.0)


def _pixelate(image: ImageArray, scale: float, fields: Fields) -> ImageArray:
    height, width = image.shape[:2]
    small = (max(1, int(width * scale)), max(1, int(height * scale)))
    shrunk = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.array(shrunk.resize((width, height), Image.Resampling.BOX))


def _compress(image: ImageArray, quality: int, fields: Fields) -> ImageArray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


CONTRAST = Corruption(
    name="contrast",
    number=11,
    small=(0.75, 0.5, 0.4, 0.3, 0.15),
    large=(0.4, 0.3, 0.2, 0.1, 0.05),
    draw=draws_nothing,
    apply=_reduce_contrast,
)
"""Parameter: the factor for a channel's deviation from its mean."""

PIXELATE = Corruption(
    name="pixelate",
    number=13,
    small=(0.95, 0.9, 0.85, 0.75, 0.65),
    large=(0.6, 0.5, 0.4, 0.3, 0.25),
    draw=draws_nothing,
    apply=_pixelate,
)
"""Parameter: the scale to which the image is reduced in between."""

JPEG_COMPRESSION = Corruption(
    name="jpeg_compression",
    number=14,
    small=(80, 65, 58, 50, 40),
    large=(25, 18, 15, 10, 7),
    draw=draws_nothing,
    apply=_compress,
)
"""Parameter: the JPEG quality."""
