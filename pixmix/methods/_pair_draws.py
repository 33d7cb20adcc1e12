"""The randomness of methods that make one image of two: two ops for each image, or a partner for each in a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mixset._common.kernels import kernel

from .._augment.settings import BASIC_OPS
from .._augment.transfers import carry
from .._common import philox
from .._common.philox import Key
from .._common.threads import read_only, run
from .._engines.cuda import augment as augment_on_device, serves
from .._engines.ops import augment
from .._engines.planes import split_planes
from ._base import StepKey

_BLOCKS = 3
"""Of four slots, of a pair: the coins, the first op, the second."""
_SLOTS_PER_PAIRING = 2**20
"""So that batches of up to a million images share no draw with the next pairing or rank."""
_PAIRINGS = 2
"""Of a step, at most."""


@dataclass(frozen=True, kw_only=True)
class PairDraws:
    """Two ops for each of N images, the second done to what the first has made."""

    op: np.ndarray
    """(N, 2) int8: indices into `OPS`, of AugMix's nine."""
    level: np.ndarray
    """(N, 2) float64: from 0.1 to the severity."""
    sign: np.ndarray
    """(N, 2) int8: +1 or −1, for the ops that have one."""
    both: np.ndarray
    """(N,) bool: whether the two become one image; else the first is the result."""
    exchanged: np.ndarray
    """(N,) bool: whether they change their parts."""


def draw_pairs(key: Key, indices: np.ndarray, *, stream: int, severity: float, number: int = 0) -> PairDraws:
    """A pair for each image, a function of the arguments and nothing else.

    Args:
        key: seed and epoch.
        indices: (N,) positions in the training set.
        stream: of `pixmix._common.philox`.
        severity: the highest level.
        number: tells an image's pairs apart, from 0 on.
    """
    first = 4 * _BLOCKS * number
    draws = philox.uniforms(key.seed, key.epoch, indices, stream, 4 * _BLOCKS, first=first).reshape(-1, _BLOCKS, 4)
    coins, ops = draws[:, 0], draws[:, 1:]
    return PairDraws(
        op=(ops[..., 0] * BASIC_OPS).astype(np.int8),
        level=0.1 + (severity - 0.1) * ops[..., 1],
        sign=np.where(ops[..., 2] > 0.5, -1, 1).astype(np.int8),
        both=coins[:, 0] > 0.5,
        exchanged=coins[:, 1] > 0.5,
    )


@dataclass(frozen=True)
class Pairs:
    """What the ops of a batch's draws have made."""

    first: Tensor
    """(N, H, W, 3) uint8: the result for all that remain so."""
    rows: Tensor
    """(M,) int64: which of the N images are made of two."""
    one: Tensor
    """(M, H, W, 3) uint8: the image of each two that keeps the first part: amplitudes, or what is coarse."""
    other: Tensor
    """(M, H, W, 3) uint8: that which keeps the second: phases, or what is fine."""

    def with_mixed(self, mixed: Tensor) -> Tensor:
        """The first images, with those that are made of two in their places."""
        return self.first.index_copy(0, self.rows, mixed)


def make_pairs(batch: Tensor, draws: PairDraws) -> Pairs:
    """Do the ops to images (N, H, W, 3) uint8, on their device, which is not waited for."""
    first = _augment(batch, draws.op[:, 0], draws.level[:, 0], draws.sign[:, 0])
    rows = np.flatnonzero(draws.both)
    sent = carry(batch.device, rows=rows, exchanged=draws.exchanged[rows])
    once = first.index_select(0, sent["rows"])
    twice = _augment(once, draws.op[rows, 1], draws.level[rows, 1], draws.sign[rows, 1])
    exchanged = sent["exchanged"][:, None, None, None]
    return Pairs(
        first, sent["rows"], one=torch.where(exchanged, twice, once), other=torch.where(exchanged, once, twice)
    )


def _augment(images: Tensor, op: np.ndarray, level: np.ndarray, sign: np.ndarray) -> Tensor:
    """One op done to each image, (N, H, W, 3) uint8 to the same: by a GPU's kernels where it has them, else a CPU's."""
    if serves(images.device):
        return augment_on_device(images, op, level, sign)
    result = np.empty(images.shape, np.uint8)
    arguments = [read_only(images.cpu().numpy()), *map(read_only, (op, level, sign)), result]
    run(_augment_range, len(images), arguments, values=result.size)
    return torch.from_numpy(result).to(images.device)


@kernel
def _augment_range(
    first: int, last: int, images: np.ndarray, op: np.ndarray, level: np.ndarray, sign: np.ndarray, result: np.ndarray
) -> None:
    height, width = images.shape[1:3]
    before, after = np.empty((3, height, width), np.uint8), np.empty((3, height, width), np.uint8)
    for n in range(first, last):
        split_planes(images[n], 0, 0, before)
        augment(before, op[n], level[n], sign[n], after)
        for y in range(height):
            for x in range(width):
                for c in range(3):
                    result[n, y, x, c] = after[c, y, x]


def draw_partners(key: StepKey, count: int, *, probability: float, number: int = 0) -> np.ndarray | None:
    """Each image's partner in a batch, (N,) int64; None where the step's coin says that it has none.

    Args:
        key: of the step.
        count: N.
        probability: of a step to have partners.
        number: tells a step's pairings apart, 0 or 1.
    """
    first = (key.rank * _PAIRINGS + number) * _SLOTS_PER_PAIRING
    draws = philox.uniforms(key.seed, key.epoch, np.array([key.step]), philox.PARTNERS, 1 + count, first=first)[0]
    return np.argsort(draws[1:], kind="stable") if draws[0] < probability else None
