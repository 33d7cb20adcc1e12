"""All randomness of AugMix in one function, as `pixmix._augment.draws` has PixMix's."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import betaincinv, gammaincinv

from mixset._common.kernels import kernel

from .._augment.draws import Key
from .._augment.settings import BASIC_OPS, OPS
from .._common import philox
from .._common.philox import block, unit
from ._settings import AugMixSettings

LONGEST = 3
"""Ops in a chain whose length is drawn: 1 to 3."""


@dataclass(frozen=True, kw_only=True)
class AugMixDraws:
    """What AugMix makes of N images, mixed of W chains of at most D ops."""

    share: np.ndarray
    """(N,) float32: the weight of the mixed chains; the image itself has the rest of 1."""

    weights: np.ndarray
    """(N, W) float32: those of the chains among themselves; they sum to 1."""

    op: np.ndarray
    """(N, W, D) int8: the chain's ops in their order, indices into `OPS`; −1 behind its last."""

    level: np.ndarray
    """(N, W, D) float64: their levels, from 0.1 to `severity`; 0 behind the last."""

    sign: np.ndarray
    """(N, W, D) int8: +1 or −1, for the ops that have a sign; 0 behind the last."""

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, rows: slice) -> AugMixDraws:
        """The draws of some of the images."""
        return AugMixDraws(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def arrays(self) -> tuple[np.ndarray, ...]:
        """All fields in their order: what a compiled kernel takes."""
        return tuple(getattr(self, field.name) for field in fields(self))


def draw(settings: AugMixSettings, key: Key, indices: np.ndarray) -> AugMixDraws:
    """What AugMix makes of each of the images `indices`: a function of the arguments and nothing else.

    A chain's weight is a Gamma(alpha, 1) variable by its share in the sum of all, which makes them Dirichlet(alpha);
    the share is Beta(alpha, alpha). Both come from one uniform number each, by the inverse distribution function.

    Args:
        settings: the user's choices.
        key: seed, epoch and copy, below 256.
        indices: (N,) the images' indices in their data set, 0 to 2**32 − 1.
    """
    indices = philox.check_indices(indices)
    shape = (len(indices), settings.width, settings.depth or LONGEST)
    share, weights = np.empty(shape[:1]), np.empty(shape[:2])
    op, level, sign = np.full(shape, -1, np.int8), np.zeros(shape), np.zeros(shape, np.int8)
    ops = len(OPS) if settings.all_ops else BASIC_OPS
    seed, epoch = np.uint64(key.shared.seed), np.uint64(key.epoch)  # the copy has slots of its own
    _draw_chains(
        *(seed, epoch, indices, key.copy << 24, float(settings.severity), ops, settings.depth or 0),
        *(share, weights, op, level, sign),
    )
    gammas = gammaincinv(settings.alpha, weights)
    return AugMixDraws(
        share=betaincinv(settings.alpha, settings.alpha, share).astype(np.float32),
        weights=(gammas / gammas.sum(axis=1, keepdims=True)).astype(np.float32),
        op=op,
        level=level,
        sign=sign,
    )


# The slots: a copy has 2**24 blocks and in them each chain 2**12, so that a wider or deeper mixture shifts nothing.
#   copy c, block 0: share        its chain w, from block 2**12 (w + 1) on, block 0: weight, depth
#   block 1 + d of the chain: op d, its level, its sign
_STREAM = np.uint64(philox.AUGMIX)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def _uniforms(seed: np.uint64, epoch: np.uint64, index: int, number: int) -> tuple[float, float, float]:
    """The first three uniform numbers of one block of the stream."""
    w = block(np.uint64(index), epoch, np.uint64(number), _STREAM, seed & _LOW, seed >> _32)
    return unit(w[0]), unit(w[1]), unit(w[2])


@kernel
def _draw_chains(
    seed: np.uint64,
    epoch: np.uint64,
    indices: np.ndarray,
    begin: int,
    severity: float,
    ops: int,
    depth: int,
    share: np.ndarray,
    weights: np.ndarray,
    op: np.ndarray,
    level: np.ndarray,
    sign: np.ndarray,
) -> None:
    """`share` and `weights` get the uniform numbers that theirs are made of; `depth` is 0 where it is drawn; `begin` is
    the copy's first block."""
    for n in range(op.shape[0]):
        share[n] = _uniforms(seed, epoch, indices[n], begin)[0]
        for w in range(op.shape[1]):
            first = begin + ((w + 1) << 12)
            u = _uniforms(seed, epoch, indices[n], first)
            weights[n, w] = u[0]
            for d in range(depth if depth > 0 else 1 + int(u[1] * LONGEST)):
                v = _uniforms(seed, epoch, indices[n], first + 1 + d)
                op[n, w, d] = int(v[0] * ops)
                level[n, w, d] = 0.1 + (severity - 0.1) * v[1]
                sign[n, w, d] = -1 if v[2] > 0.5 else 1
