"""The `Perturbation` class: a sequence of frames of an image under a gradually changing perturbation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixset._common.cropping import crop_centre
from mixset._common.errors import InputError

from .._shared.base import SMALL, Fields, ImageArray, Stream, number_of

Frames = np.ndarray
"""A sequence of frames, (frames, S, S, 3) uint8."""


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """A perturbation sequence.

    Example:
        >>> import numpy as np
        >>> from pixmix.corruptions import P
        >>> image = np.zeros((32, 32, 3), np.uint8)
        >>> P["tilt"](image, size=32, seed=0, index=0).shape
        (31, 32, 32, 3)
    """

    name: str
    """The perturbation's name, spelled as in the official archives."""

    number: int = -1
    """Number of its random stream: 64 and above, another one for each perturbation, and never changed. By default one
    that follows from the name, far from the benchmarks' own."""

    small: tuple[Any, ...]
    """The parameters of each frame for images of up to `SMALL` pixels (CIFAR)."""

    large: tuple[Any, ...]
    """The parameters of each frame for larger images (ImageNet)."""

    draw: Callable[[Stream, int, tuple[Any, ...]], Fields]
    """(stream, size, parameters) → the random fields of the whole sequence."""

    apply: Callable[[ImageArray, int, tuple[Any, ...], Fields], Frames]
    """(image, size, parameters, fields) → the frames; the input is not changed."""

    uncropped: bool = False
    """Whether `apply` gets the whole image and crops each frame itself, since the image moves."""

    def __post_init__(self) -> None:
        if self.number == -1:
            object.__setattr__(self, "number", number_of(self.name))

    def parameters(self, size: int) -> tuple[Any, ...]:
        """The parameters of each frame of `size` pixels; there are as many frames."""
        return self.small if size <= SMALL else self.large

    def __call__(self, image: ImageArray, *, size: int, seed: int, index: int) -> Frames:
        """The frames of an image.

        Args:
            image: (H, W, 3) uint8, at least as large as the frames. ImageNet-P takes images with a short side of 256
                for a `size` of 224, CIFAR-P images of the `size` itself.
            size: the side of the frames in pixels.
            seed: the seed of all random numbers, 0 to 2**64 − 1.
            index: the index of the image in its set.

        Returns:
            (frames, size, size, 3) uint8.

        Raises:
            InputError: the image has another shape or dtype, or is smaller than the frames.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise InputError(f"{self.name}: an image (H, W, 3) uint8 is needed, got {image.shape} {image.dtype}")
        if not 1 <= size <= min(image.shape[:2]):
            raise InputError(f"{self.name}: frames of {size} px are asked for of an image {image.shape}")
        if not self.uncropped:
            image = np.ascontiguousarray(crop_centre(image, (size, size)))
        parameters = self.parameters(size)
        fields = self.draw(Stream(seed, index, corruption=self.number, severity=0), size, parameters)
        return self.apply(image, size, parameters, fields)


def no_draw(stream: Stream, size: int, parameters: tuple[Any, ...]) -> Fields:
    """The `draw` of a perturbation without randomness."""
    return {}
