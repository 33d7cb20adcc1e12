"""Perturbations that move the image: translate, rotate, scale, shear, tilt and zoom blur.

Affine maps are Pillow's, with the matrix of the torchvision of 2018 that made the official sequences: its centre is
half a pixel too far down and to the right, and its shear also scales.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from mixset._common.cropping import central_corner
from mixset._common.kernels import kernel

from .._shared.base import Fields, ImageArray
from .base import Frames


def translate(image: ImageArray, size: int, shifts: tuple[int, ...], fields: Fields) -> Frames:
    """A frame for each shift to the right, in whole pixels; the outside of the image is black."""
    top, left = central_corner(image, (size, size))
    margin = max(map(abs, shifts))
    padded = np.pad(image[top : top + size], ((0, 0), (margin, margin), (0, 0)))
    return np.stack([padded[:, margin + left - shift :][:, :size] for shift in shifts])


def rotate(image: ImageArray, size: int, angles: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each angle in degrees, clockwise."""
    return np.stack(list(_affine(image, size, [_rotation(math.radians(angle)) for angle in angles])))


def scale(image: ImageArray, size: int, factors: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each factor; below 1 the image has black borders."""
    return np.stack(list(_affine(image, size, [_scaling(factor) for factor in factors])))


def shear(image: ImageArray, size: int, angles: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each angle in degrees by which columns are slanted."""
    return np.stack(list(_affine(image, size, [_shearing(math.radians(angle)) for angle in angles])))


def zoom_blur(image: ImageArray, size: int, factors: tuple[float, ...], fields: Fields) -> Frames:
    """Frames of which number i is the mean of the image at the first i + 1 factors."""
    total = np.zeros((size, size, 3), np.float32)
    frames = np.empty((len(factors), size, size, 3), np.uint8)
    zoomed = _affine(image, size, [_scaling(factor) for factor in factors])
    for number, frame in enumerate(zoomed):
        total += frame / np.float32(255)  # in the order and precision of the original, whose cast truncates
        frames[number] = (total / np.float32(number + 1) * np.float32(255)).astype(np.uint8)
    return frames


def _rotation(angle: float) -> tuple[float, float, float, float]:
    return math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)


def _scaling(factor: float) -> tuple[float, float, float, float]:
    return 1 / factor, 0.0, 0.0, 1 / factor


def _shearing(angle: float) -> tuple[float, float, float, float]:
    return 1.0, math.tan(angle), 0.0, 1 / math.cos(angle)


def _affine(image: ImageArray, size: int, inverses: list[tuple[float, float, float, float]]) -> Iterator[ImageArray]:
    """Yield the centre of the image under each linear map about it, given by the rows of the inverse."""
    whole = Image.fromarray(image)
    top, left = central_corner(image, (size, size))
    x, y = whole.width / 2 + 0.5, whole.height / 2 + 0.5
    for a, b, c, d in inverses:
        u, v = left - x, top - y
        matrix = (a, b, a * u + b * v + x, c, d, c * u + d * v + y)
        yield np.asarray(whole.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))


def tilt(image: ImageArray, size: int, angles: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each angle in degrees by which the image plane is rotated about both its axes at once.

    The distance of the camera is the image's diagonal and, as in the original, one pixel more, so that no frame equals
    the image. Interpolation is bilinear at multiples of 1/32 of a pixel, as in OpenCV 3 and 4; the outside is black.
    """
    height, width = image.shape[:2]
    frames = np.empty((len(angles), size, size, 3), np.uint8)
    inverses = np.stack([np.linalg.inv(_perspective(height, width, math.radians(angle))) for angle in angles])
    _warp(image, inverses, *central_corner(image, (size, size)), frames)
    return frames


def _perspective(height: int, width: int, angle: float) -> np.ndarray:
    """The (3, 3) projection of positions (x, y, 1) in the image onto the screen."""
    cos, sin, distance = math.cos(angle), math.sin(angle), math.hypot(height, width)
    onto_plane = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1], [0, 0, 1]])
    around_x = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    around_y = np.array([[cos, 0, -sin, 0], [0, 1, 0, 0], [sin, 0, cos, 0], [0, 0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, distance], [0, 0, 0, 1]])
    onto_screen = np.array([[distance, 0, width / 2, 0], [0, distance, height / 2, 0], [0, 0, 1, 0]])
    return onto_screen @ away @ around_x @ around_y @ onto_plane


@kernel
def _warp(image: np.ndarray, inverses: np.ndarray, top: int, left: int, frames: np.ndarray) -> None:
    height, width = image.shape[:2]
    for frame in range(frames.shape[0]):
        m = inverses[frame]
        for row in range(frames.shape[1]):
            for column in range(frames.shape[2]):
                x, y = left + column, top + row
                depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
                x_in = np.rint(32 * (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth) / 32
                y_in = np.rint(32 * (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth) / 32
                x_0, y_0 = math.floor(x_in), math.floor(y_in)
                for channel in range(3):
                    value = 0.0
                    for j in range(2):
                        for i in range(2):
                            if 0 <= y_0 + j < height and 0 <= x_0 + i < width:
                                weight = (1 - abs(y_in - y_0 - j)) * (1 - abs(x_in - x_0 - i))
                                value += weight * image[y_0 + j, x_0 + i, channel]
                    frames[frame, row, column, channel] = np.uint8(np.rint(value))
