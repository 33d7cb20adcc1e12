"""All randomness of PixMix in one function: `draw` says what happens to each image, the engines do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import Key, block, unit
from .settings import MIXINGS, PixMixSettings

__all__ = ["Draws", "Key", "PoolLike", "draw"]


class PoolLike(Protocol):
    """What `draw` and the engines ask of a pool of mixing images; `mixset.MixingPool` is one."""

    @property
    def images(self) -> np.ndarray:
        """(M, h, w, 3) uint8, the sources one behind the other."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the crops that are taken; at most (h, w)."""

    @property
    def counts(self) -> Sequence[int]:
        """How many images each source has."""

    @property
    def weights(self) -> Sequence[float]:
        """How likely each source is; sums to 1."""


@dataclass(frozen=True, kw_only=True)
class Draws:
    """What PixMix does to N images with at most k rounds; beyond `rounds` the entries of a row are 0 (op: −1)."""

    start_op: np.ndarray
    """(N,) int8: the op of the starting image, a place in `OPS`; −1 for none."""

    start_level: np.ndarray
    """(N,) float64: its level, from 0.1 to `aug_severity`."""

    start_sign: np.ndarray
    """(N,) int8: +1 or −1, for the ops that have a sign."""

    rounds: np.ndarray
    """(N,) int32: how many rounds, 0 to k."""

    op: np.ndarray
    """(N, k) int8: the op of the input's copy that is mixed in; −1 where the mixing image is mixed in."""

    level: np.ndarray
    """(N, k) float64."""

    sign: np.ndarray
    """(N, k) int8."""

    mixing: np.ndarray
    """(N, k) int8: a place in `MIXINGS`."""

    a: np.ndarray
    """(N, k) float32: the weight of the image so far; `overlay` uses it for `multiply`."""

    b: np.ndarray
    """(N, k) float32: the weight of what is mixed in."""

    a2: np.ndarray
    """(N, k) float32: the second pair of weights, which `overlay` uses for `screen`."""

    b2: np.ndarray
    """(N, k) float32."""

    coin: np.ndarray
    """(N, k) bool: `overlay` multiplies the dark half, `darken_or_lighten` darkens."""

    channel: np.ndarray
    """(N, k) int8: the channel, 0 to 2, that `swap_channel` takes over."""

    image: np.ndarray
    """(N,) int64: the mixing image, a place in the pool."""

    top: np.ndarray
    """(N,) int32: the first row of its crop."""

    left: np.ndarray
    """(N,) int32: the first column of its crop."""

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, rows: slice | np.ndarray) -> Draws:
        """The draws of some of the images."""
        return Draws(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields in their order: what a compiled kernel takes."""
        return tuple(getattr(self, field.name) for field in fields(self))


def draw(settings: PixMixSettings, key: Key, indices: np.ndarray, pool: PoolLike | None) -> Draws:
    """What PixMix does to each of the images `indices`: a function of the arguments and nothing else.

    Args:
        settings: the user's choices.
        key: seed and epoch.
        indices: (N,) the images' places in their data set, 0 to 2**32 − 1.
        pool: where mixing images come from; None where `settings.partner` is "input".

    Raises:
        InputError: a pool is missing or empty, or its crops do not fit into its images.
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
    # The chance that a round mixes in the input's copy.
    share = {"both": 0.5, "input": 1.0, "mixing_set": 0.0}[settings.partner]
    _draw_rounds(
        *(seed, epoch, indices, severity, ops, share, 1.0 / settings.beta, mixings),
        *(draws.rounds, draws.op, draws.level, draws.sign, draws.mixing, draws.a, draws.b, draws.a2, draws.b2),
        *(draws.coin, draws.channel),
    )
    return draws


def _empty(count: int, k: int) -> Draws:
    """Draws of no op and no round."""
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
    """Where each source begins (S + 1,), the cumulated weights (S,), and how many crops fit (rows, columns)."""
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


# The slots: blocks 0 to 2 belong to the image, 4 + 4r to 7 + 4r to its round r; what is not named is free for new
# options, which so shift nothing.
#   0: start augmented?, op, level, sign    1: rounds, source, image    2: top, left
#   4 + 4r: copy of the input?, op, level, sign    5 + 4r: mixing, which pair of Betas?, first Beta, second Beta
#   6 + 4r: the same pair again for overlay's screen, behind the coin of overlay and darken_or_lighten
#   7 + 4r: channel
_STREAM = np.uint64(philox.PIXMIX)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def _uniforms(seed, epoch, index, number):
    """The four uniform numbers of one block of the stream."""
    w = block(np.uint64(index), epoch, number, _STREAM, seed & _LOW, seed >> _32)
    return unit(w[0]), unit(w[1]), unit(w[2]), unit(w[3])


@kernel
def _draw_starts(seed, epoch, indices, k, severity, ops, op, level, sign, rounds):
    for n in range(len(indices)):
        u = _uniforms(seed, epoch, indices[n], np.uint64(0))
        if u[0] < 0.5:
            op[n] = int(u[1] * ops)
            level[n] = 0.1 + (severity - 0.1) * u[2]
            sign[n] = -1 if u[3] > 0.5 else 1
        rounds[n] = int(_uniforms(seed, epoch, indices[n], np.uint64(1))[0] * (k + 1))


@kernel
def _draw_images(seed, epoch, indices, firsts, limits, margins, image, top, left):
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
def _weights(which, first, second, exponent):
    """The mixing weights (a, b), float32: half the time Beta(β, 1) and Beta(1, β), else 1 + Beta(1, β), −Beta(1, β).

    Beta(β, 1) is U^(1/β) and Beta(1, β) is 1 − U^(1/β); `exponent` is 1/β.
    """
    b = np.float32(1.0 - second**exponent)
    if which < 0.5:
        return np.float32(first**exponent), b
    return np.float32(np.float32(1.0) + np.float32(1.0 - first**exponent)), np.float32(-b)


@kernel
def _draw_rounds(
    seed,
    epoch,
    indices,
    severity,
    ops,
    share,
    exponent,
    mixings,
    rounds,
    op,
    level,
    sign,
    mixing,
    a,
    b,
    a2,
    b2,
    coin,
    channel,
):
    for n in range(len(indices)):
        for r in range(rounds[n]):
            u = _uniforms(seed, epoch, indices[n], np.uint64(4 + 4 * r))
            if u[0] < share:
                op[n, r] = int(u[1] * ops)
                level[n, r] = 0.1 + (severity - 0.1) * u[2]
                sign[n, r] = -1 if u[3] > 0.5 else 1
            u = _uniforms(seed, epoch, indices[n], np.uint64(5 + 4 * r))
            mixing[n, r] = mixings[int(u[0] * len(mixings))]
            a[n, r], b[n, r] = _weights(u[1], u[2], u[3], exponent)
            if mixing[n, r] >= 2:  # only the experimental mixings have more to draw
                u = _uniforms(seed, epoch, indices[n], np.uint64(6 + 4 * r))
                coin[n, r] = u[0] < 0.5
                a2[n, r], b2[n, r] = _weights(u[1], u[2], u[3], exponent)
                channel[n, r] = int(_uniforms(seed, epoch, indices[n], np.uint64(7 + 4 * r))[0] * 3)
