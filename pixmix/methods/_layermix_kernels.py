"""LayerMix by compiled kernels: its mixings of float images, and whole images of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import block
from .._engines.enhance_ops import luma
from .._engines.mixings import add, clip, first_power, second_power
from .._engines.planes import copy, split_planes, to_float
from .._engines.powers import power_of_zero
from ._ipmix_draws import ADD, MULTIPLY, PIXELS
from ._layermix_draws import LayerMixDraws
from ._layermix_ops import do_op

_STREAM = np.uint64(philox.LAYERMIX_MASKS)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_2 = np.float32(2)


class Run(NamedTuple):
    """What the images of a batch have in common."""

    seed: np.uint64
    epoch: np.uint64
    grey: bool


@kernel
def mix_range(
    first: int,
    last: int,
    images: np.ndarray,
    mixing_images: np.ndarray,
    indices: np.ndarray,
    run: Run,
    draws: LayerMixDraws,
    result: np.ndarray,
) -> None:
    """LayerMix of the images from `first` up to `last` into (N, 3, H, W)."""
    shape = result.shape[1:]
    levels = np.empty(shape, np.uint8)
    clean, other = np.empty(shape, np.float32), np.empty(shape, np.float32)
    words = np.empty(clean.size, np.uint32)
    for n in range(first, last):
        out, op, strength = result[n], draws.op[n], draws.strength[n]
        split_planes(images[n], 0, 0, levels)
        to_float(levels.reshape(-1), clean.reshape(-1))
        do_op(clean, op, strength[0], out)
        for layer in range(draws.layers[n]):
            if layer == 0:
                do_op(clean, op, strength[1], other)
            else:
                split_planes(mixing_images[draws.image[n]], draws.top[n], draws.left[n], levels)
                if run.grey:
                    turn_grey(levels, draws.flips[n])
                to_float(levels.reshape(-1), other.reshape(-1))
            mixing, a, b = draws.mixing[n, layer], draws.a[n, layer], draws.b[n, layer]
            if mixing >= PIXELS:
                fill_words(run, indices[n], layer, words)
            mix(out, other, mixing, a, b, draws.limit[n, layer], words)
        if draws.layers[n] > 1:
            copy(out.reshape(-1), other.reshape(-1))
            do_op(other, op, strength[2], out)


@kernel
def mix(
    image: np.ndarray,
    other: np.ndarray,
    mixing: int,
    a: np.float32,
    b: np.float32,
    limit: int,
    words: np.ndarray,
) -> None:
    """Mix `other` into the image, both (3, H, W) float32, in place, and clip to [0, 1].

    Args:
        words: (3 H W,) uint32, for the masks: a number for each element, or the first H W for the pixels.
        rest: as in `LayerMixDraws`.
    """
    x, y = image.reshape(-1), other.reshape(-1)
    if mixing == ADD:
        for i in range(x.size):
            x[i] = add(x[i], y[i], a, b)
    elif mixing == MULTIPLY:
        zero = power_of_zero(a)
        for i in range(x.size):
            x[i] = clip(first_power(x[i], a, zero) * second_power(y[i], b) / _2)
    else:
        size = x.size // 3 if mixing == PIXELS else x.size
        for i in range(x.size):
            if words[i % size] >= limit:
                x[i] = y[i]


@kernel
def turn_grey(image: np.ndarray, flips: np.ndarray) -> None:
    """Pillow's grey, three times, of (3, H, W) uint8, in place, mirrored from left to right and top to bottom."""
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            image[0, y, x] = luma(image[0, y, x], image[1, y, x], image[2, y, x])
    for y in range(height):
        for x in range(width):
            there = height - 1 - y if flips[1] else y, width - 1 - x if flips[0] else x
            image[1, y, x] = image[0, there[0], there[1]]
    for y in range(height):
        for x in range(width):
            image[0, y, x] = image[2, y, x] = image[1, y, x]


@kernel
def fill_words(run: Run, index: int, layer: int, words: np.ndarray) -> None:
    """The random words of a mixing's mask."""
    for number in range(-(-words.size // 4)):
        at = np.uint64((layer << 24) + number)
        w = block(np.uint64(index), run.epoch, at, _STREAM, run.seed & _LOW, run.seed >> _32)
        for lane in range(min(4, words.size - 4 * number)):
            words[4 * number + lane] = np.uint32(w[lane])
