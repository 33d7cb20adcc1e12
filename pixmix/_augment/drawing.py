"""What PixMix draws for one image, number by number: shared by the kernels of the CPU and those of a GPU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import block, unit

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
def draw_start(seed: np.uint64, epoch: np.uint64, index: int, severity: float, ops: int) -> tuple[int, float, int]:
    """Op, level and sign of an image's start; −1, 0 and 0 for none."""
    return _draw_op(_uniforms(seed, epoch, index, np.uint64(0)), severity, ops, 0.5)


@kernel
def draw_copy(
    seed: np.uint64, epoch: np.uint64, index: int, r: int, severity: float, ops: int, share: float
) -> tuple[int, float, int]:
    """Op, level and sign of what round `r` mixes in; −1, 0 and 0 for the mixing image.

    Args:
        share: the probability that it is a copy of the input.
    """
    return _draw_op(_uniforms(seed, epoch, index, np.uint64(4 + 4 * r)), severity, ops, share)


@kernel
def _draw_op(u: tuple[float, float, float, float], severity: float, ops: int, share: float) -> tuple[int, float, int]:
    if u[0] < share:
        return int(u[1] * ops), 0.1 + (severity - 0.1) * u[2], -1 if u[3] > 0.5 else 1
    return -1, 0.0, 0


@kernel
def draw_rounds(seed: np.uint64, epoch: np.uint64, index: int, k: int) -> int:
    """The number of an image's rounds, 0 to k."""
    return int(_uniforms(seed, epoch, index, np.uint64(1))[0] * (k + 1))


@kernel
def draw_image(
    seed: np.uint64, epoch: np.uint64, index: int, firsts: np.ndarray, limits: np.ndarray, margins: np.ndarray
) -> tuple[int, int, int]:
    """The mixing image, and the first row and column of its crop; the arrays are those of `describe_pool`."""
    u = _uniforms(seed, epoch, index, np.uint64(1))
    source = 0
    while u[1] >= limits[source]:
        source += 1
    image = firsts[source] + int(u[2] * (firsts[source + 1] - firsts[source]))
    u = _uniforms(seed, epoch, index, np.uint64(2))
    return image, int(u[0] * margins[0]), int(u[1] * margins[1])


@kernel
def _weights(which: float, first: float, second: float, exponent: float) -> tuple[np.float32, np.float32]:
    """The mixing weights (a, b), float32: Beta(β, 1) and Beta(1, β), or 1 + Beta(1, β) and −Beta(1, β), half each.

    Beta(β, 1) is U^(1/β) and Beta(1, β) is 1 − U^(1/β); `exponent` is 1/β.
    """
    b = np.float32(1.0 - second**exponent)
    if which < 0.5:
        return np.float32(first**exponent), b
    return np.float32(np.float32(1.0) + np.float32(1.0 - first**exponent)), np.float32(-b)


class Weighing(NamedTuple):
    """How a round mixes; the fields are those of `Draws`."""

    mixing: int
    a: np.float32
    b: np.float32
    a2: np.float32
    b2: np.float32
    coin: bool
    channel: int


@kernel
def draw_weighing(
    seed: np.uint64, epoch: np.uint64, index: int, r: int, exponent: float, mixings: np.ndarray
) -> Weighing:
    """How round `r` mixes.

    Args:
        exponent: 1/β.
        mixings: (n,) int8: those to draw from.
    """
    u = _uniforms(seed, epoch, index, np.uint64(5 + 4 * r))
    mixing = int(mixings[int(u[0] * len(mixings))])
    a, b = _weights(u[1], u[2], u[3], exponent)
    if mixing < 2:
        return Weighing(mixing, a, b, np.float32(0), np.float32(0), False, 0)
    # Only the experimental mixings need more random numbers.
    u = _uniforms(seed, epoch, index, np.uint64(6 + 4 * r))
    a2, b2 = _weights(u[1], u[2], u[3], exponent)
    channel = int(_uniforms(seed, epoch, index, np.uint64(7 + 4 * r))[0] * 3)
    return Weighing(mixing, a, b, a2, b2, u[0] < 0.5, channel)
