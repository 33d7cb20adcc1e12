"""Resizing and central crops of images, as torchvision's Resize and CenterCrop do it for PIL images, bit for bit."""

from __future__ import annotations

import numpy as np
from PIL import Image


def scale_to_cover(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 (bilinear, antialiased) so that it just covers `shape` (h, w); its proportions stay.

    For a square `shape` this is torchvision's `Resize(h)`. An image that fits already is returned as it is.
    """
    height, width = image.shape[:2]
    h, w = shape
    height, width = (h, h * width // height) if height * w <= width * h else (w * height // width, w)
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def central_corner(image: np.ndarray, shape: tuple[int, int]) -> tuple[int, int]:
    """(top, left) of the central crop of `shape` (h, w), rounded as by torchvision's `CenterCrop`."""
    return round((image.shape[0] - shape[0]) / 2), round((image.shape[1] - shape[1]) / 2)


def crop_centre(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The centre of (H, W, 3) uint8 as a view of `shape` (h, w), which is no larger than the image."""
    top, left = central_corner(image, shape)
    return image[top : top + shape[0], left : left + shape[1]]


def scale_and_crop(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 so that it just covers `shape` (h, w), then crop the centre: a contiguous (h, w, 3)."""
    return np.ascontiguousarray(crop_centre(scale_to_cover(image, shape), shape))
