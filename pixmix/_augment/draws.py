"""The random numbers of PixMix: `draw` decides what happens to each image, and the engines carry it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple, Protocol

import numpy as np

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import Key
from .drawing import draw_copy, draw_image, draw_rounds, draw_start, draw_weighing
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

    @classmethod
    def of_ops(cls, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> Draws:
        """Draws without rounds: one op, level and sign for each image, (N,) each."""
        return replace(_empty(len(op), 0), start_op=op, start_level=level, start_sign=sign)

    def of_crops(self) -> Draws:
        """The same where the mixing images are the crops themselves, one for each image."""
        zeros = np.zeros_like(self.top)
        return replace(self, image=np.arange(len(self)), top=zeros, left=zeros)

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
    described, chances, mixings = describe_pool(pool, settings), chances_of(settings), mixing_numbers(settings)
    draws = _empty(len(indices), settings.k)
    seed, epoch = np.uint64(key.seed), np.uint64(key.epoch)
    images = _Images(*(getattr(draws, name) for name in _Images._fields))
    # Copies of an image are mixed with one crop of one mixing image.
    shared = np.uint64(key.shared.seed)
    _draw_images(seed, shared, epoch, indices, settings.k, chances, described, images)
    rounds = _Rounds(*(getattr(draws, name) for name in _Rounds._fields))
    _draw_rounds(seed, epoch, indices, chances, mixings, rounds)
    return draws


class Chances(NamedTuple):
    """`PixMixSettings` as numbers."""

    severity: float
    """The maximum level of the ops."""
    ops: int
    """How many of `OPS` may be drawn."""
    share: float
    """The probability that a round mixes in a copy of the input."""
    exponent: float
    """1/β."""


def chances_of(settings: PixMixSettings) -> Chances:
    """The numbers of some settings."""
    share = {"both": 0.5, "input": 1.0, "mixing_set": 0.0}[settings.partner]
    return Chances(float(settings.aug_severity), len(settings.ops), share, 1.0 / settings.beta)


def mixing_numbers(settings: PixMixSettings) -> np.ndarray:
    """The indices in `MIXINGS` of the mixings to draw from, (n,) int8."""
    return np.array([MIXINGS.index(name) for name in settings.mixings], np.int8)


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


class PoolArrays(NamedTuple):
    """A pool as a kernel takes it."""

    firsts: np.ndarray
    """(S + 1,) int64: the first index of each source."""
    limits: np.ndarray
    """(S,) float64: the sources' cumulative probabilities."""
    margins: np.ndarray
    """(2,) int64: the numbers of rows and columns at which a crop may begin."""


def describe_pool(pool: PoolLike | None, settings: PixMixSettings) -> PoolArrays:
    """The pool in arrays.

    Raises:
        InputError: the pool is missing or empty, or its crops are larger than its images.
    """
    if pool is None:
        if settings.partner != "input":
            raise InputError(
                f"mixing set: partner {settings.partner!r} needs one; give a mixing set or partner 'input'"
            )
        return PoolArrays(np.array([0, 1]), np.ones(1), np.ones(2, np.int64))
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
    return PoolArrays(np.concatenate(([0], np.cumsum(counts))), limits, margins.astype(np.int64))


class _Images(NamedTuple):
    """The fields of `Draws` that are drawn once for each image."""

    start_op: np.ndarray
    start_level: np.ndarray
    start_sign: np.ndarray
    rounds: np.ndarray
    image: np.ndarray
    top: np.ndarray
    left: np.ndarray


@kernel
def _draw_images(
    seed: np.uint64,
    shared: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    k: int,
    chances: Chances,
    pool: PoolArrays,
    draws: _Images,
) -> None:
    for n in range(len(indices)):
        op, level, sign = draw_start(seed, epoch, indices[n], chances.severity, chances.ops)
        draws.start_op[n], draws.start_level[n], draws.start_sign[n] = op, level, sign
        draws.rounds[n] = draw_rounds(seed, epoch, indices[n], k)
        image, top, left = draw_image(shared, epoch, indices[n], pool.firsts, pool.limits, pool.margins)
        draws.image[n], draws.top[n], draws.left[n] = image, top, left


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
    seed: np.uint64, epoch: np.uint64, indices: np.ndarray, chances: Chances, mixings: np.ndarray, draws: _Rounds
) -> None:
    for n in range(len(indices)):
        for r in range(draws.rounds[n]):
            op, level, sign = draw_copy(seed, epoch, indices[n], r, chances.severity, chances.ops, chances.share)
            draws.op[n, r], draws.level[n, r], draws.sign[n, r] = op, level, sign
            drawn = draw_weighing(seed, epoch, indices[n], r, chances.exponent, mixings)
            draws.mixing[n, r] = drawn.mixing
            draws.a[n, r], draws.b[n, r] = drawn.a, drawn.b
            draws.a2[n, r], draws.b2[n, r] = drawn.a2, drawn.b2
            draws.coin[n, r], draws.channel[n, r] = drawn.coin, drawn.channel
