"""The random numbers of PixMix: `draw` decides what happens to each image, and the engines carry it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import numpy as np

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import Key, block, unit
from .settings import MIXINGS, PixMixSettings

__all__ = ["Draws", "Key", "PoolLike", "draw"]


class PoolLike(Protocol):
    """The interface of a pool of mixing images; `mixset.MixingPool` has it."""

    @property
    def images(self) -> np.ndarray:
        """All images, (M, h, w, 3) uint8, one source after another."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the crops, at most (h, w)."""

    @property
    def counts(self) -> Sequence[int]:
        """The number of images of each source."""

    @property
    def weights(self) -> Sequence[float]:
        """The probability of each source; they sum to 1."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What PixMix does to N images in at most k rounds; entries after the last round are 0 (−1 for ops)."""

    start_op: np.ndarray
    """The op applied to the starting image, an index into `OPS`, or −1 for none; (N,) int8."""

    start_level: np.ndarray
    """The level of that op, from 0.1 to `aug_severity`; (N,) float64."""

    start_sign: np.ndarray
    """The sign of that op, +1 or −1, if it has one; (N,) int8."""

    rounds: np.ndarray
    """The number of rounds, 0 to k; (N,) int32."""

    op: np.ndarray
    """The op applied to the copy of the input that is mixed in, or −1 if the mixing image is mixed in; (N, k) int8."""

    level: np.ndarray
    """The level of each round's op, from 0.1 to `aug_severity`; (N, k) float64."""

    sign: np.ndarray
    """The sign of each round's op, +1 or −1, if it has one; (N, k) int8."""

    mixing: np.ndarray
    """The mixing operation, an index into `MIXINGS`; (N, k) int8."""

    a: np.ndarray
    """The weight of the image so far, used by `overlay` for `multiply`; (N, k) float32."""

    b: np.ndarray
    """The weight of the image that is mixed in; (N, k) float32."""

    a2: np.ndarray
    """A second weight of the image so far, used by `overlay` for `screen`; (N, k) float32."""

    b2: np.ndarray
    """A second weight of the image that is mixed in; (N, k) float32."""

    coin: np.ndarray
    """Whether `overlay` multiplies the dark half and `darken_or_lighten` darkens; (N, k) bool."""

    channel: np.ndarray
    """The channel that `swap_channel` replaces, 0 to 2; (N, k) int8."""

    image: np.ndarray
    """The mixing image, an index into the pool; (N,) int64."""

    top: np.ndarray
    """The first row of the mixing image's crop; (N,) int32."""

    left: np.ndarray
    """The first column of the mixing image's crop; (N,) int32."""

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, rows: slice | np.ndarray) -> Draws:
        """The draws of the images in `rows`."""
        return Draws(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields in their order, as arguments of a compiled kernel."""
        return tuple(getattr(self, field.name) for field in fields(self))


def draw(settings: PixMixSettings, key: Key, indices: np.ndarray, pool: PoolLike | None) -> Draws:
    """Draw what PixMix does to each image, as a pure function of the arguments.

    Args:
        settings: the settings of PixMix.
        key: seed and epoch.
        indices: (N,) indices of the images in their data set, 0 to 2**32 − 1.
        pool: the mixing images; None if `settings.partner` is "input".

    Raises:
        InputError: the pool is missing or empty, or its crops are larger than its images.

    Example:
        >>> import numpy as np
        >>> import pixmix
        >>> settings = pixmix.PixMixSettings(partner="input")
        >>> draws = pixmix.draw(settings, pixmix.Key(seed=0, epoch=1), np.arange(3), pool=None)
        >>> draws.rounds  # of each image
        array([2, 2, 3], dtype=int32)
    """
    indices = philox.check_indices(indices)
    firsts, limits, margins = _describe(pool, settings)
    draws, k = _empty(len(indices), settings.k), settings.k
    seed, epoch = np.uint64(key.seed), np.uint64(key.epoch)
    severity, ops = float(settings.aug_severity), len(settings.ops)
    _draw_starts(
        seed, epoch, indices, k, severity, ops, draws.start_op, draws.start_level, draws.start_sign, draws.rounds
    )
    _draw_images(seed, epoch, indices, firsts, limits, margins, draws.image, draws.top, draws.left)
    mixings = np.array([MIXINGS.index(name) for name in settings.mixings], np.int8)
    # The probability that a round mixes in a copy of the input.
    share = {"both": 0.5, "input": 1.0, "mixing_set": 0.0}[settings.partner]
    rounds = _Rounds(*(getattr(draws, name) for name in _Rounds._fields))
    _draw_rounds(seed, epoch, indices, severity, ops, share, 1.0 / settings.beta, mixings, rounds)
    return draws


def _empty(count: int, k: int) -> Draws:
    """Draws without ops and rounds."""
    return Draws(
        start_op=np.full(count, -1, np.int8),
        start_level=np.zeros(count),
        start_sign=np.zeros(count, np.int8),
        rounds=np.zeros(count, np.int32),
        op=np.full((count, k), -1, np.int8),
        level=np.zeros((count, k)),
        sign=np.zeros((count, k), np.int8),
        mixing=np.zeros((count, k), np.int8),
        a=np.zeros((count, k), np.float32),
        b=np.zeros((count, k), np.float32),
        a2=np.zeros((count, k), np.float32),
        b2=np.zeros((count, k), np.float32),
        coin=np.zeros((count, k), np.bool_),
        channel=np.zeros((count, k), np.int8),
        image=np.zeros(count, np.int64),
        top=np.zeros(count, np.int32),
        left=np.zeros(count, np.int32),
    )


def _describe(pool: PoolLike | None, settings: PixMixSettings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first index of each source (S + 1,), cumulative weights (S,), and the number of crop positions (2,)."""
    if pool is None:
        if settings.partner != "input":
            raise InputError(
                f"mixing set: partner {settings.partner!r} needs one; give a mixing set or partner 'input'"
            )
        return np.array([0, 1]), np.ones(1), np.ones(2, np.int64)
    counts, weights = np.asarray(pool.counts, np.int64), np.asarray(pool.weights, np.float64)
    total = len(pool.images)
    if total == 0 or counts.sum() != total or counts.shape != weights.shape:
        raise InputError(f"mixing set: {total} images in sources of {counts.tolist()}: no image can be drawn")
    if not np.all(weights >= 0) or not 0 < weights.sum() < np.inf or np.any((weights > 0) & (counts == 0)):
        raise InputError(f"mixing set: weights {weights.tolist()} of sources with {counts.tolist()} images")
    limits = np.cumsum(weights) / weights.sum()
    limits[np.flatnonzero(weights)[-1] :] = 1.0  # rounding must not leave a gap below 1
    margins = np.array(pool.images.shape[1:3]) - np.array(pool.size) + 1
    if margins.min() < 1:
        raise InputError(f"mixing set: crops of {tuple(pool.size)} do not fit into {pool.images.shape[1:3]} images")
    return np.concatenate(([0], np.cumsum(counts))), limits, margins.astype(np.int64)


# The slots: blocks 0 to 2 belong to the image, 4 + 4r to 7 + 4r to its round r. Unnamed slots are reserved for new
# options, so that these will not change existing draws.
#   0: start augmented?, op, level, sign    1: rounds, source, image    2: top, left
#   4 + 4r: copy of the input?, op, level, sign    5 + 4r: mixing, which pair of Betas?, first Beta, second Beta
#   6 + 4r: the coin of overlay and darken_or_lighten, then another pair for overlay's screen
#   7 + 4r: channel
_STREAM = np.uint64(philox.PIXMIX)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def _uniforms(seed: np.uint64, epoch: np.uint64, index: int, number: np.uint64) -> tuple[float, float, float, float]:
    """The four uniform random numbers of a block of the stream."""
    w = block(np.uint64(index), epoch, number, _STREAM, seed & _LOW, seed >> _32)
    return unit(w[0]), unit(w[1]), unit(w[2]), unit(w[3])


@kernel
def _draw_starts(
    seed: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    k: int,
    severity: float,
    ops: int,
    op: np.ndarray,
    level: np.ndarray,
    sign: np.ndarray,
    rounds: np.ndarray,
) -> None:
    for n in range(len(indices)):
        u = _uniforms(seed, epoch, indices[n], np.uint64(0))
        if u[0] < 0.5:
            op[n] = int(u[1] * ops)
            level[n] = 0.1 + (severity - 0.1) * u[2]
            sign[n] = -1 if u[3] > 0.5 else 1
        rounds[n] = int(_uniforms(seed, epoch, indices[n], np.uint64(1))[0] * (k + 1))


@kernel
def _draw_images(
    seed: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    firsts: np.ndarray,
    limits: np.ndarray,
    margins: np.ndarray,
    image: np.ndarray,
    top: np.ndarray,
    left: np.ndarray,
) -> None:
    for n in range(len(indices)):
        u = _uniforms(seed, epoch, indices[n], np.uint64(1))
        source = 0
        while u[1] >= limits[source]:
            source += 1
        image[n] = firsts[source] + int(u[2] * (firsts[source + 1] - firsts[source]))
        u = _uniforms(seed, epoch, indices[n], np.uint64(2))
        top[n] = int(u[0] * margins[0])
        left[n] = int(u[1] * margins[1])


@kernel
def _weights(which: float, first: float, second: float, exponent: float) -> tuple[np.float32, np.float32]:
    """The mixing weights (a, b), float32: Beta(β, 1) and Beta(1, β), or 1 + Beta(1, β) and −Beta(1, β), half each.

    Beta(β, 1) is U^(1/β) and Beta(1, β) is 1 − U^(1/β); `exponent` is 1/β.
    """
    b = np.float32(1.0 - second**exponent)
    if which < 0.5:
        return np.float32(first**exponent), b
    return np.float32(np.float32(1.0) + np.float32(1.0 - first**exponent)), np.float32(-b)


class _Rounds(NamedTuple):
    """The fields of `Draws` that are drawn for each round."""

    rounds: np.ndarray
    op: np.ndarray
    level: np.ndarray
    sign: np.ndarray
    mixing: np.ndarray
    a: np.ndarray
    b: np.ndarray
    a2: np.ndarray
    b2: np.ndarray
    coin: np.ndarray
    channel: np.ndarray


@kernel
def _draw_rounds(
    seed: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    severity: float,
    ops: int,
    share: float,
    exponent: float,
    mixings: np.ndarray,
    draws: _Rounds,
) -> None:
    for n in range(len(indices)):
        for r in range(draws.rounds[n]):
            u = _uniforms(seed, epoch, indices[n], np.uint64(4 + 4 * r))
            if u[0] < share:
                draws.op[n, r] = int(u[1] * ops)
                draws.level[n, r] = 0.1 + (severity - 0.1) * u[2]
                draws.sign[n, r] = -1 if u[3] > 0.5 else 1
            u = _uniforms(seed, epoch, indices[n], np.uint64(5 + 4 * r))
            draws.mixing[n, r] = mixings[int(u[0] * len(mixings))]
            draws.a[n, r], draws.b[n, r] = _weights(u[1], u[2], u[3], exponent)
            if draws.mixing[n, r] >= 2:  # only the experimental mixings need more random numbers
                u = _uniforms(seed, epoch, indices[n], np.uint64(6 + 4 * r))
                draws.coin[n, r] = u[0] < 0.5
                draws.a2[n, r], draws.b2[n, r] = _weights(u[1], u[2], u[3], exponent)
                draws.channel[n, r] = int(_uniforms(seed, epoch, indices[n], np.uint64(7 + 4 * r))[0] * 3)
