"""Resize and CenterCrop, as torchvision does them to PIL images, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mixset._common.errors import InputError


@dataclass(frozen=True)
class Transform:
    """Scale the shorter side (bilinear, antialiased), then crop the centre square."""

    crop: int
    """Side of the square, in pixels."""

    resize: int | None = None
    """What the shorter side is scaled to; None leaves the image at its size."""

    def __call__(self, image: Image.Image) -> np.ndarray:
        """An RGB image as (crop, crop, 3) uint8.

        Raises:
            InputError: it is smaller than the square.
        """
        width, height = image.size
        if self.resize is not None and min(width, height) != self.resize:
            short = self.resize
            width, height = (short, short * height // width) if width <= height else (short * width // height, short)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if min(width, height) < self.crop:
            raise InputError(f"is {width}x{height} px, {self.crop}x{self.crop} are to be cropped from it")
        top, left = round((height - self.crop) / 2), round((width - self.crop) / 2)
        return np.array(image.crop((left, top, left + self.crop, top + self.crop)))


IMAGENET = Transform(crop=224, resize=256)
"""ImageNet's and ImageNet-R's test transform; the paper's code does it to ImageNet-C and C̄, too."""


def benchmark(size: int, resize: bool) -> Transform:
    """What is done to the images of ImageNet-C and C̄, which are cropped to `size` already.

    Args:
        size: 224 for the official sets.
        resize: enlarge to 8/7 and crop again, as the paper's code does: the mCEs of its tables come from that. False is
            the standard protocol: the centre alone.
    """
    return Transform(crop=size, resize=size * 8 // 7 if resize else None)
