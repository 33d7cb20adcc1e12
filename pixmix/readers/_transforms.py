"""torchvision's Resize and CenterCrop for PIL images, bit for bit, without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from mixset._common.cropping import crop_centre, scale_to_cover
from mixset._common.errors import InputError


@dataclass(frozen=True)
class Transform:
    """Resize (bilinear, antialiased), then crop the central square.

    Example:
        >>> from PIL import Image
        >>> from pixmix import readers
        >>> readers.Transform(crop=224, resize=256)(Image.new("RGB", (640, 480))).shape
        (224, 224, 3)
    """

    crop: int
    """The side of the square in pixels."""

    resize: int | tuple[int, int] | None = None
    """The length in pixels to which the shorter side is resized, or (height, width) whatever the image's shape was;
    None does not resize."""

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Transform an RGB image to (crop, crop, 3) uint8.

        Raises:
            InputError: the image is smaller than the square.
        """
        if isinstance(self.resize, tuple):
            image = image.resize(self.resize[::-1], Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        if isinstance(self.resize, int):
            pixels = scale_to_cover(pixels, (self.resize, self.resize))
        height, width = pixels.shape[:2]
        if min(height, width) < self.crop:
            raise InputError(f"is {width}x{height} px, smaller than the crop of {self.crop}x{self.crop}")
        return np.array(crop_centre(pixels, (self.crop, self.crop)))


IMAGENET = Transform(crop=224, resize=256)
"""The test transform for ImageNet and ImageNet-R; the paper's code applies it to ImageNet-C and C̄, too."""


def benchmark(size: int, resize: bool) -> Transform:
    """The transform for images of ImageNet-C and C̄, which are already cropped to `size`.

    Args:
        size: the side of the result in pixels, 224 for the official sets.
        resize: enlarge to 8/7 and crop again, as the paper's code does for the mCE in its tables; False is the
            benchmark's protocol, a centre crop alone.
    """
    return Transform(crop=size, resize=size * 8 // 7 if resize else None)


def of_side(side: int) -> Transform:
    """`IMAGENET`'s transform for a network that takes images of another side, in pixels."""
    return Transform(crop=side, resize=side * 8 // 7)


def stretched(side: int) -> Transform:
    """The transform that brings images of any shape to a square of this side, in pixels."""
    return Transform(crop=side, resize=(side, side))
