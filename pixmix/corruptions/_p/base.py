"""What a perturbation is: a sequence of frames of one image, each a little further along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixset._common.errors import InputError

from .._shared.base import SMALL, Fields, ImageArray, Stream

Frames = np.ndarray
"""(frames, S, S, 3) uint8."""


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """One perturbation sequence."""

    name: str
    """As the official archives spell it."""

    number: int
    """Of its random stream: 64 and above, another one for each perturbation, and never changed."""

    small: tuple[Any, ...]
    """The parameters of each frame at sizes up to `SMALL` pixels: CIFAR's."""

    large: tuple[Any, ...]
    """Those at larger sizes: ImageNet's."""

    draw: Callable[[Stream, int, tuple[Any, ...]], Fields]
    """(stream, size, parameters) → fields of the whole sequence."""

    apply: Callable[[ImageArray, int, tuple[Any, ...], Fields], Frames]
    """(image, size, parameters, fields) → the frames; the image given is not changed."""

    uncropped: bool = False
    """Whether `apply` gets the whole image, which moves into view from outside the centre, and crops each frame."""

    def parameters(self, size: int) -> tuple[Any, ...]:
        """Those of each frame at a side of `size` pixels; there are as many frames."""
        return self.small if size <= SMALL else self.large

    def __call__(self, image: ImageArray, *, size: int, seed: int, index: int) -> Frames:
        """The frames of the image, number `index` of its set: (frames, size, size, 3) uint8.

        Args:
            image: as large as the frames or larger. ImageNet-P takes images of a short side of 256 for a `size` of
                224, CIFAR-P those of the `size` itself.

        Raises:
            InputError: it is not (H, W, 3) uint8, or smaller than the frames.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(f"{self.name}: an image (H, W, 3) uint8 is needed, got {image.shape} {image.dtype}")
        if not 1 <= size <= min(image.shape[:2]):
            raise InputError(f"{self.name}: frames of {size} px are asked for of an image {image.shape}")
        if not self.uncropped:
            image = np.ascontiguousarray(centre(image, size))
        parameters = self.parameters(size)
        fields = self.draw(Stream(seed, index, corruption=self.number, severity=0), size, parameters)
        return self.apply(image, size, parameters, fields)


def no_draw(stream: Stream, size: int, parameters: tuple[Any, ...]) -> Fields:
    """The `draw` of a perturbation without randomness."""
    return {}


def corner(image: ImageArray, size: int) -> tuple[int, int]:
    """(top, left) of the central square of `size` pixels, rounded as torchvision's CenterCrop rounds."""
    return round((image.shape[0] - size) / 2), round((image.shape[1] - size) / 2)


def centre(image: ImageArray, size: int) -> ImageArray:
    """The central square of `size` pixels, a view."""
    top, left = corner(image, size)
    return image[top : top + size, left : left + size]
