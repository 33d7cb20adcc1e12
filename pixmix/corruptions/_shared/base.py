"""The `Corruption` class: random fields drawn from a stream, and a function that applies them to an image."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from mixset._common.errors import InputError

from ..._common import philox

SMALL = 64
"""The largest side in pixels at which CIFAR's constants are used; larger images get ImageNet's."""

REFERENCE, CORRECTED = "reference", "corrected"
"""The forms of a corruption whose original code does not do what was intended: as published, and as intended."""

ImageArray = np.ndarray
"""An image, (H, W, 3) uint8."""

Fields = dict[str, Any]
"""Everything random about a corruption of an image: arrays and numbers by name."""


class Stream:
    """The random numbers of an image under a corruption, as a function of (seed, image, corruption, severity).

    Each call takes the next numbers of the stream, so the order of calls is part of a corruption's definition.

    Args:
        seed: 0 to 2**64 − 1.
        image: the index of the image in its set.
        corruption: the `number` of the corruption.
        severity: 1 to 5, or 0 for perturbations.
    """

    def __init__(self, seed: int, image: int, *, corruption: int, severity: int) -> None:
        self._key, self._image = philox.Key(seed, corruption * 8 + severity), np.array([image])
        self._used = 0

    def uniform(self, *shape: int) -> np.ndarray:
        """Uniform numbers in the open interval (0, 1), float64; without arguments of shape ()."""
        count = int(np.prod(shape, dtype=np.int64))
        if count == 0:
            return np.empty(shape)
        words = philox.words(self._key, self._image, philox.CORRUPTION, count, first=self._used)
        self._used += -(-count // 4) * 4
        return ((words[0] + 0.5) * 2.0**-32).reshape(shape)

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal numbers, float64."""
        return ndtri(self.uniform(*shape))

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """Whole numbers from `low` to `high` − 1, int64."""
        return low + np.floor(self.uniform(*shape) * (high - low)).astype(np.int64)

    def permutation(self, count: int) -> np.ndarray:
        """A random permutation of the numbers below `count`, int64."""
        return np.argsort(self.uniform(count), kind="stable")


def number_of(name: str) -> int:
    """A stream's number for a corruption of this name, from 2**28 up to, but without, 2**29."""
    return (1 << 28) + zlib.crc32(name.encode()) % (1 << 28)


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """A corruption with five severities.

    Example:
        >>> import numpy as np
        >>> from pixmix.corruptions import C
        >>> image = np.full((32, 32, 3), 128, np.uint8)
        >>> C["brightness"](image, severity=5, seed=0, index=0)[0, 0]
        array([204, 204, 204], dtype=uint8)
    """

    name: str
    """The corruption's name, spelled as in the official archives."""

    number: int = -1
    """Number of its random stream: another one for each corruption, and never changed. By default one that follows from
    the name, far from the benchmarks' own."""

    small: tuple[Any, ...]
    """The parameters of severities 1 to 5 for images of up to `SMALL` pixels (CIFAR)."""

    large: tuple[Any, ...]
    """The parameters of severities 1 to 5 for larger images (ImageNet)."""

    draw: Callable[[Stream, tuple[int, int], Any], Fields]
    """(stream, (H, W), parameters) → random fields; an empty dict if nothing is random."""

    apply: Callable[[ImageArray, Any, Fields], ImageArray]
    """(image, parameters, fields) → the corrupted image; the input is not changed."""

    def __post_init__(self) -> None:
        if self.number == -1:
            object.__setattr__(self, "number", number_of(self.name))

    def parameters(self, severity: int, size: tuple[int, int]) -> Any:
        """The parameters of a severity, 1 to 5, for images of `size` (H, W).

        Raises:
            InputError: the severity is out of range.
        """
        if severity not in (1, 2, 3, 4, 5):
            raise InputError(f"severity: 1, 2, 3, 4 or 5 is needed, got {severity!r}")
        return (self.small if max(size) <= SMALL else self.large)[severity - 1]

    def __call__(self, image: ImageArray, *, severity: int, seed: int, index: int) -> ImageArray:
        """Corrupt an image.

        Args:
            image: (H, W, 3) uint8.
            severity: 1 to 5.
            seed: the seed of all random numbers, 0 to 2**64 − 1.
            index: the index of the image in its set.

        Returns:
            (H, W, 3) uint8.

        Raises:
            InputError: the image has another shape or dtype, or the severity is out of range.
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
    """Convert values on a scale from 0 to 255 to uint8, clipped and truncated like the original scripts' casts."""
    return np.clip(values, 0, 255).astype(np.uint8)
