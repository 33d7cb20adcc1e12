"""The sequences of ImageNet-P and CIFAR-P as their scripts make them, in plain OpenCV, scikit-image, SciPy and Pillow.

Each takes the image as the script has it, the number of a frame, whether images are CIFAR's, and our fields in the
stead of random numbers, and gives that frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import original_c
from original_c import distances, finish
from PIL import Image
from skimage.filters import gaussian

BILINEAR, NEAREST = Image.Resampling.BILINEAR, Image.Resampling.NEAREST


def crop(image: np.ndarray, size: int) -> np.ndarray:
    """torchvision's CenterCrop."""
    top, left = (round((side - size) / 2) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def affine(
    image: np.ndarray,
    size: int,
    *,
    angle: float = 0.0,
    shift: int = 0,
    scale: float = 1.0,
    shear: float = 0.0,
    resample: int = BILINEAR,
) -> np.ndarray:
    """torchvision's `affine` of 2018 on all of the image, whose centre is cropped then."""
    height, width = image.shape[:2]
    angle, shear = np.deg2rad(angle), np.deg2rad(shear)
    x, y = width * 0.5 + 0.5, height * 0.5 + 0.5
    turn = np.array(
        [
            [np.cos(angle) * scale, -np.sin(angle + shear) * scale, 0],
            [np.sin(angle) * scale, np.cos(angle + shear) * scale, 0],
            [0, 0, 1],
        ]
    )
    there = np.array([[1, 0, x + shift], [0, 1, y], [0, 0, 1]])
    back = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
    inverse = np.linalg.inv(there @ turn @ back)[:2].reshape(-1)
    whole = Image.fromarray(image)
    return crop(np.asarray(whole.transform(whole.size, Image.Transform.AFFINE, inverse, resample)), size)


def noisy(function: Callable[..., Any]) -> Callable[..., Any]:
    def frame(
        image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, list[dict[str, np.ndarray]]], level: float
    ) -> np.ndarray:
        clean = crop(image, size)
        return clean if i == 0 else function(clean, level, fields["frames"][i - 1])

    return frame


gaussian_noise = noisy(original_c.gaussian_noise)
shot_noise = noisy(original_c.shot_noise)
speckle_noise = noisy(original_c.speckle_noise)


def motion_blur(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    radius, sigma, angle = (6, 1.8, (i - 20) * 9) if cifar else (10, 3, (i - 30) * 4)
    return original_c.motion_blur(crop(image, size), (radius, sigma), {"angle": angle})


def zoom_blur(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    total = crop(image, size) / np.float32(255)
    for j in range(1, i + 1):
        total += affine(image, size, scale=1 + 0.004 * j) / np.float32(255)
    return (total / (i + 1) * np.float32(255)).astype(np.uint8)


def snow(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, np.ndarray], level: float | None
) -> np.ndarray:
    factor, radius, sigma = (2, 10, 2) if cifar else (3, 14, 4)
    flakes = {"flakes": fields["flakes"], "angle": i * 4 - 150}
    return original_c.snow(crop(image, size), (0.05, 0.3, factor, 0.5, radius, sigma, 0.85), flakes)


def brightness(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    return original_c.brightness(crop(image, size), (i - 15) * (1.5 if cifar else 2) / 100, {})


def translate(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    return affine(image, size, shift=i - (7 if cifar else 20), resample=NEAREST)


def rotate(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    return affine(image, size, angle=i - 15)


def tilt(image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None) -> np.ndarray:
    h, w = image.shape[:2]
    phi = np.deg2rad((0.75 if cifar else 1) * (i - 15))
    cos, sin, f = np.cos(phi), np.sin(phi), np.sqrt(w**2 + h**2)
    flat = np.array([[1, 0, -w / 2], [0, 1, -h / 2], [0, 0, 1], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    turn_y = np.array([[cos, 0, -sin, 0], [0, 1, 0, 0], [sin, 0, cos, 0], [0, 0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, f], [0, 0, 0, 1]])
    seen = np.array([[f, 0, w / 2, 0], [0, f, h / 2, 0], [0, 0, 1, 0]])
    return crop(cv2.warpPerspective(image, seen @ away @ turn_x @ turn_y @ flat, (w, h)), size)


def scale(image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None) -> np.ndarray:
    return affine(image, size, scale=(i * 2 + 70 if cifar else i * 2.5 + 40) / 100)


def gloss(layer: np.ndarray) -> np.ndarray:
    layer = (layer * 255).astype(np.uint8)
    _, distance = cv2.threshold(distances(layer), 20, 20, cv2.THRESH_TRUNC)
    distance = cv2.equalizeHist(cv2.blur(distance, (3, 3)).astype(np.uint8))
    distance = cv2.filter2D(distance, cv2.CV_8U, np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]))
    made = layer * cv2.blur(distance, (3, 3)).astype(np.float32)
    with np.errstate(invalid="ignore"):  # where nothing shines 0 is divided by 0
        return made / made.max() * 0.6


def spatter(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, np.ndarray], level: float | None
) -> np.ndarray:
    mean, spread, sigma, least = (0.6, 0.265, 1.75, 0.7) if cifar else (0.65, 0.27, 3.7, 0.69)
    run = [0.2, 0.8] if cifar else [0.05, 0.1, 0.15, 0.7]
    layer = gaussian(mean + spread * fields["liquid"], sigma=sigma)
    layer[layer < least] = 0
    for _ in range(i):
        layer = np.apply_along_axis(lambda column: np.convolve(column, run, mode="same"), 0, layer)
    values = np.array(crop(image, size), np.float32) / 255
    with np.errstate(invalid="ignore"):
        return finish(values + gloss(layer)[..., None] * (np.array([175, 238, 238], np.float32) / 255))


def shear(image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None) -> np.ndarray:
    return affine(image, size, shear=i - 15)


def gaussian_blur(
    image: np.ndarray, size: int, i: int, cifar: bool, fields: dict[str, Any], level: float | None
) -> np.ndarray:
    sigma, truncate = (0.3 + 0.015 * i, 7) if cifar else (0.25 + 0.035 * i, 6)
    return (255 * gaussian(crop(image, size) / 255, sigma=sigma, truncate=truncate, channel_axis=-1)).astype(np.uint8)
