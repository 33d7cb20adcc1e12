"""Philox4x32-10: random numbers that are a function of (seed, epoch, index, slot, stream).

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). The key is the 64-bit seed as two
words, the counter is (index, epoch, block, stream); one block gives four 32-bit words, which are slots 4·block to
4·block + 3. Nothing is stored between calls, so any worker can make any number.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

# Streams: each use of randomness has its own, so that a new draw in one shifts nothing in another.
PIXMIX = 0
CROP = 1
CUTOUT = 2
BATCH = 3
"""Mixup and CutMix: the index is the step, the slot block of a rank its own."""
SHUFFLE = 4
TORCH = 5
"""Seeds of the torch generator under which other people's transforms run."""
ATTACK = 6
OUTLIERS = 7
"""Synthetic out-of-distribution images."""
FVIS = 8
"""Units and seeds of Iterative's feature visualisations: the epoch is the refresh, the index the image of it."""
EXPOSURE = 9
"""Outlier exposure: where an epoch's outliers begin (index 0 of the epoch), and their crops."""
AUGMIX = 10
NOISE = 11
"""Seeds of the device's generator for noise and random networks: the index is the step, the slot block of a rank its
own."""
CORRUPTION = 12
"""Benchmark corruptions: the epoch tells corruption and severity, the index the image."""
OUTLIER_CHOICE = 13
"""Which images of an out-of-distribution set are taken: the epoch is the repetition, the index the image."""
OWN = 14
"""Methods that live outside this package."""
ATTACK_CHOICE = 15
"""Which of the test images AutoAttack is run on: the index is the image."""
COPIES = 40
"""Seeds of the further copies of an image: the index is the copy."""
IPMIX = 41
IPMIX_MASKS = 42
"""One number for each channel and pixel of a patch."""
PRIME = 50
PRIME_FILTERS = 51
"""Normal numbers of PRIME's primitives, by Box and Muller; so are the next two."""
PRIME_COLOURS = 52
PRIME_FIELDS = 53
PRIME_BATCH = 54
"""Seeds of PRIME with draws for each batch: the index is the step, the slot block of a rank its own."""
PARTS = 55
"""Seeds of the further parts of `A+B`: the index is the part."""
TRIVIALAUGMENT = 60
RANDAUGMENT = 61
APR = 62
HYBRID = 63
PARTNERS = 64
"""Who is recombined with whom in a batch: the index is the step, the slot block of a rank its own."""
PIXPRIME = 70
"""Which images PixMix makes, and which PRIME."""
LAYERMIX = 71
LAYERMIX_MASKS = 72
"""One number for each channel and pixel of a mixing."""
MOIREMIX = 73
"""Mixing images, which copies of an image share."""

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@dataclass(frozen=True)
class Key:
    """Seed and epoch: with an image's index, all that its randomness depends on.

    Raises:
        InputError: a number does not fit its word.
    """

    seed: int
    """The seed, 0 to 2**64 − 1."""

    epoch: int = 0
    """The epoch, 0 to 2**32 − 1."""

    copy: int = field(default=0, init=False, repr=False)
    """Which of several copies of each image it is for; see `of_copy`."""

    _first: Key | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        _check_word("seed", self.seed, 64)
        _check_word("epoch", self.epoch, 32)

    @property
    def shared(self) -> Key:
        """The key of what all copies of an image have in common: that of copy 0."""
        return self._first or self

    def of_copy(self, copy: int) -> Key:
        """The key under which the same images are augmented once more.

        It has a seed of its own, so that whatever is drawn from it is drawn anew. Copy 0 has the first key itself.

        Args:
            copy: 0 to 2**32 − 1.
        """
        if copy == 0:
            return self.shared
        low, high = (int(word) for word in words(self.shared, np.array([copy]), COPIES, 2)[0])
        key = Key(low | high << 32, self.epoch)
        object.__setattr__(key, "copy", copy)
        object.__setattr__(key, "_first", self.shared)
        return key


@kernel
def block(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four 32-bit words, each as uint64, of a counter of four and a key of two words (uint64, below 2**32)."""
    for _ in range(10):
        p0 = _MULTIPLIER_0 * c0
        p1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@kernel
def unit(word: np.uint64) -> float:
    """A 32-bit word as a float64 in the open interval (0, 1)."""
    return (np.float64(word) + 0.5) * 2.0**-32


@kernel
def _fill_words(
    seed: np.uint64, epoch: np.uint64, indices: np.ndarray, stream: np.uint64, first_block: np.uint64, words: np.ndarray
) -> None:
    k0, k1 = seed & _LOW, seed >> _32
    for n in range(words.shape[0]):
        index = np.uint64(indices[n])
        for number in range(words.shape[1] // 4):
            c = block(index, epoch, first_block + np.uint64(number), stream, k0, k1)
            for lane in range(4):
                words[n, 4 * number + lane] = np.uint32(c[lane])


def words(key: Key, indices: np.ndarray, stream: int, slots: int, *, first: int = 0) -> np.ndarray:
    """Slots `first` to `first + slots - 1` of each index: (N, slots) uint32; `first` is a multiple of 4."""
    indices = check_indices(indices)
    _check_word("stream", stream, 32)
    if slots < 1 or first < 0 or first % 4:
        raise InputError(f"slots: at least one, from a multiple of 4 on, is needed; got {slots} from {first}")
    result = np.empty((len(indices), -(-slots // 4) * 4), np.uint32)
    _fill_words(np.uint64(key.seed), np.uint64(key.epoch), indices, np.uint64(stream), np.uint64(first // 4), result)
    return result[:, :slots]


def uniforms(seed: int, epoch: int, indices: np.ndarray, stream: int, slots: int, *, first: int = 0) -> np.ndarray:
    """Uniform numbers in the open interval (0, 1): (N, slots) float64, a function of all arguments and nothing else.

    Args:
        seed: 0 to 2**64 − 1.
        epoch: 0 to 2**32 − 1.
        indices: (N,) whole numbers from 0 to 2**32 − 1.
        stream: one of this module's streams.
        slots: how many numbers for each index.
        first: the first slot, a multiple of 4.

    Raises:
        InputError: a number does not fit its word.
    """
    return (words(Key(seed, epoch), indices, stream, slots, first=first) + 0.5) * 2.0**-32


def check_indices(indices: np.ndarray) -> np.ndarray:
    """`indices` as a contiguous (N,) int64 array.

    Raises:
        InputError: they are not whole numbers from 0 to 2**32 − 1 in one dimension.
    """
    array = np.asarray(indices)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InputError(f"indices: a list of whole numbers is needed, got {array.dtype} of shape {array.shape}")
    if len(array) and (array.min() < 0 or array.max() >= 2**32):
        raise InputError(f"indices: whole numbers from 0 to 2**32 - 1 are needed, got {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, np.int64)


def _check_word(field: str, value: object, bits: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not 0 <= int(value) < 2**bits:  # type: ignore[call-overload]
        raise InputError(f"{field}: a whole number from 0 to 2**{bits} - 1 is needed, got {value!r}")
