"""What a corruption is: fields drawn from a key, then done to an image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from mixset._common.errors import InputError

from ..._common import philox

SMALL = 64
"""Images up to this side get the constants of CIFAR's benchmarks, larger ones ImageNet's."""

REFERENCE, CORRECTED = "reference", "corrected"
"""The two forms of what the original code does not do as it was meant: as it is published, and as it was meant."""

ImageArray = np.ndarray
"""(H, W, 3) uint8."""

Fields = dict[str, Any]
"""All that is random about a corruption of one image, by name: arrays and numbers."""


class Stream:
    """Random numbers of one image under one corruption: a function of (seed, image, corruption, severity).

    Each call takes the next numbers of the stream, so the order of calls is part of a corruption's definition.

    Args:
        seed: 0 to 2**64 − 1.
        image: its place in its set.
        corruption: `Corruption.number`.
        severity: 1 to 5; 0 where there is none.
    """

    def __init__(self, seed: int, image: int, *, corruption: int, severity: int) -> None:
        self._key, self._image = philox.Key(seed, corruption * 8 + severity), np.array([image])
        self._used = 0

    def uniform(self, *shape: int) -> np.ndarray:
        """Uniform numbers in the open interval (0, 1), float64; without a shape a single one, shape ()."""
        count = int(np.prod(shape, dtype=np.int64))
        if count == 0:
            return np.empty(shape)
        words = philox.words(self._key, self._image, philox.CORRUPTION, count, first=self._used)
        self._used += -(-count // 4) * 4
        return ((words[0] + 0.5) * 2.0**-32).reshape(shape)

    def normal(self, *shape: int) -> np.ndarray:
        """Normal numbers of mean 0 and standard deviation 1, float64."""
        return ndtri(self.uniform(*shape))

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Whole numbers from `low` up to, but without, `high`, int64."""
        return low + np.floor(self.uniform(*shape) * (high - low)).astype(np.int64)

    def permutation(self, count: int) -> np.ndarray:
        """The numbers below `count` in a random order, int64."""
        return np.argsort(self.uniform(count), kind="stable")


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One corruption at its five severities."""

    name: str
    """As the official archives spell it."""

    number: int
    """Of its random stream: another one for each corruption, and never changed."""

    small: tuple[Any, ...]
    """The parameters of severities 1 to 5 for images up to `SMALL` pixels: CIFAR's."""

    large: tuple[Any, ...]
    """Those for larger images: ImageNet's."""

    draw: Callable[[Stream, tuple[int, int], Any], Fields]
    """(stream, (H, W), parameters) → fields; what draws nothing gives an empty dict."""

    apply: Callable[[ImageArray, Any, Fields], ImageArray]
    """(image, parameters, fields) → the corrupted image; the image given is not changed."""

    def parameters(self, severity: int, size: tuple[int, int]) -> Any:
        """Of severity 1 to 5 for images of `size` (H, W).

        Raises:
            InputError: another severity.
        """
        if severity not in (1, 2, 3, 4, 5):
            raise InputError(f"severity: 1, 2, 3, 4 or 5 is needed, got {severity!r}")
        return (self.small if max(size) <= SMALL else self.large)[severity - 1]

    def __call__(self, image: ImageArray, *, severity: int, seed: int, index: int) -> ImageArray:
        """The image, number `index` of its set, corrupted: (H, W, 3) uint8.

        Raises:
            InputError: it is not (H, W, 3) uint8, or the severity is not one of the five.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError(f"{self.name}: an image (H, W, 3) uint8 is needed, got {image.shape} {image.dtype}")
        size = (image.shape[0], image.shape[1])
        parameters = self.parameters(severity, size)
        stream = Stream(seed, index, corruption=self.number, severity=severity)
        return self.apply(image, parameters, self.draw(stream, size, parameters))


def draws_nothing(stream: Stream, size: tuple[int, int], parameters: Any) -> Fields:
    """The `draw` of a corruption without randomness."""
    return {}


def to_bytes(values: np.ndarray) -> ImageArray:
    """Values of a 0 to 255 scale as uint8: cut to that range, then truncated, as the original scripts cast."""
    return np.clip(values, 0, 255).astype(np.uint8)
