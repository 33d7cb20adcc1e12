"""Counter-based random numbers: every draw is a function of (recipe seed, image index, attempt, stream)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from mixset._common.kernels import kernel

T = TypeVar("T")

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15


def image_seed(seed: int, index: int) -> int:
    """The 64-bit seed of image `index` in the set of `seed`: two rounds of SplitMix64."""
    return _mix(_mix((seed + _STEP) & _MASK) + _STEP * (index + 1) & _MASK)


def _mix(z: int) -> int:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014): a bijection of 64-bit words."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def _word_of(stream: str) -> int:
    """64 bits that stand for a stream's name; 0 for the nameless one."""
    return int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big") if stream else 0


class Draws:
    """A stream of random numbers keyed by (image seed, attempt, name), from NumPy's Philox4x64.

    Only the raw 64-bit words are used: unlike the distributions of `np.random.Generator` they are fixed for good, and
    no libm stands behind them.
    """

    _BLOCK = 64

    def __init__(self, seed: int, attempt: int, stream: str = "") -> None:
        # The high half of the counter is the attempt's, so that streams of two attempts cannot meet.
        self._bits = np.random.Philox(
            key=np.array([seed, _word_of(stream)], np.uint64), counter=np.array([0, 0, 0, attempt], np.uint64)
        )
        self._words: list[int] = []

    def word(self) -> int:
        """64 random bits."""
        if not self._words:
            self._words = self._bits.random_raw(self._BLOCK).tolist()
        return self._words.pop()

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A float64 in [low, high)."""
        return low + (high - low) * ((self.word() >> 11) * 2.0**-53)

    def whole(self, low: int, high: int) -> int:
        """A whole number in low..high, both included."""
        return low + (self.word() >> 32) * (high - low + 1) // 2**32

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self.uniform() < probability

    def sign(self) -> float:
        """+1.0 or -1.0."""
        return 1.0 if self.word() >> 63 else -1.0

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, all equally likely."""
        return options[self.whole(0, len(options) - 1)]

    def weighted(self, options: dict[T, float]) -> T:
        """One of the keys, likely in proportion to its value."""
        left = self.uniform(0.0, sum(options.values()))
        for option, weight in options.items():
            left -= weight
            if left < 0:
                return option
        return option

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order (Fisher and Yates)."""
        out = list(items)
        for last in range(len(out) - 1, 0, -1):
            other = self.whole(0, last)
            out[last], out[other] = out[other], out[last]
        return out


@kernel(inline="always")
def next_word(state: np.ndarray) -> np.uint64:
    """The next 64 bits of SplitMix64 inside a kernel; `state` is one uint64 that is moved on."""
    state[0] = state[0] + np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel(inline="always")
def next_uniform(state: np.ndarray) -> float:
    """The next float64 in [0, 1) inside a kernel: 53 bits of `next_word`."""
    return np.float64(next_word(state) >> np.uint64(11)) * 2.0**-53
