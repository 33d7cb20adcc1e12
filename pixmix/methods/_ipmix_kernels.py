"""IPMix by compiled kernels: its ops, its patches, and whole images of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._common import philox
from .._common.philox import block
from .._engines.ops import augment
from .._engines.planes import copy, split_planes
from .._engines.powers import power, power_of_zero
from ._chains import add_weighted, share_out
from ._ipmix_draws import ADD, AUTOCONTRAST, ELEMENTS, INVERT, MIRROR, PIXELS, IPMixDraws

_STREAM = np.uint64(philox.IPMIX_MASKS)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_0, _1, _2, _255 = np.float32(0), np.float32(1), np.float32(2), np.float32(255)
_FLOOR = np.float32(1e-37)  # keeps black to a negative power finite
_HUGE = np.float32(2**31)  # float32 numbers from here on are multiples of 256


class Run(NamedTuple):
    """What the images of a batch have in common."""

    seed: np.uint64
    epoch: np.uint64
    wrap: bool


@kernel
def mix_range(
    first: int,
    last: int,
    images: np.ndarray,
    mixing_images: np.ndarray,
    indices: np.ndarray,
    run: Run,
    draws: IPMixDraws,
    result: np.ndarray,
) -> None:
    """IPMix of the images from `first` up to `last` into (N, 3, H, W)."""
    shape = result.shape[1:]
    clean, mixing = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    here, there, copied = np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    words = np.empty(clean.size, np.uint32)
    for n in range(first, last):
        split_planes(images[n], 0, 0, clean)
        split_planes(mixing_images[draws.image[n]], draws.top[n], draws.left[n], mixing)
        out = result[n].reshape(-1)
        out.fill(0)
        for w in range(draws.steps.shape[1]):
            chain = clean
            for d in range(draws.steps[n, w]):
                op, level, sign = draws.op[n, w, d], draws.level[n, w, d], draws.sign[n, w, d]
                if not draws.patch[n, w]:
                    do_op(chain, op, level, sign, there)
                else:
                    copy(chain.reshape(-1), there.reshape(-1))
                    other = mixing
                    if op >= 0:
                        do_op(clean, op, level, sign, copied)
                        other = copied
                    box, kind = draws.box[n, w, d], draws.mixing[n, w, d]
                    if kind >= PIXELS:
                        _fill_words(run, indices[n], w * 16 + d, kind, box, shape, words)
                    a, b, limit = draws.a[n, w, d], draws.b[n, w, d], draws.limit[n, w, d]
                    mix_patch(there, other, box, kind, a, b, limit, words, run.wrap)
                chain = there
                here, there = there, here
            add_weighted(chain.reshape(-1), draws.weights[n, w], out)
        share_out(clean.reshape(-1), draws.share[n], out)


@kernel
def do_op(source: np.ndarray, op: int, level: float, sign: int, result: np.ndarray) -> None:
    """Do the op with this index in `pixmix.methods._ipmix_draws.OPS`; the rest is as for the engines' ops."""
    if op == MIRROR:
        for c in range(3):
            for y in range(source.shape[1]):
                result[c, y] = source[c, y, ::-1]
    elif op == INVERT:
        values, out = source.reshape(-1), result.reshape(-1)
        for i in range(values.size):
            out[i] = np.uint8(255) - values[i]
    elif op == AUTOCONTRAST:
        _cut_off(source, 10 - level, result)
    else:
        # As the 8 bits of all other draws, for which it is compiled already.
        augment(source, np.int8(op + 1 if op < MIRROR else op - 2), level, sign, result)


@kernel
def _cut_off(source: np.ndarray, percent: float, result: np.ndarray) -> None:
    """Pillow's autocontrast with a cutoff: each channel is stretched once so much of it, at each end, is left aside."""
    for c in range(3):
        plane, out = source[c].reshape(-1), result[c].reshape(-1)
        histogram = np.zeros(256, np.int64)
        for i in range(plane.size):
            histogram[plane[i]] += 1
        cut = int(plane.size * percent // 100)
        low, below = 0, histogram[0]
        while below <= cut:
            low += 1
            below += histogram[low]
        high, above = 255, histogram[255]
        while above <= cut:
            high -= 1
            above += histogram[high]
        scale = 255.0 / (high - low) if high > low else 1.0
        offset = -low * scale if high > low else 0.0
        for i in range(plane.size):
            out[i] = min(max(int(plane[i] * scale + offset), 0), 255)


@kernel
def _fill_words(
    run: Run, index: int, step: int, mixing: int, box: np.ndarray, shape: tuple[int, int, int], words: np.ndarray
) -> None:
    """The random words of a patch: element (c, y, x) has word c H W + y W + x of its chain's step; channels share the
    first one's where a pixel is chosen as a whole."""
    for c in range(3 if mixing == ELEMENTS else 1):
        for y in range(box[0], box[2]):
            row = (c * shape[1] + y) * shape[2]
            for number in range((row + box[1]) // 4, (row + box[3] - 1) // 4 + 1):
                at = np.uint64((step << 24) + number)
                w = block(np.uint64(index), run.epoch, at, _STREAM, run.seed & _LOW, run.seed >> _32)
                for lane in range(min(4, words.size - 4 * number)):
                    words[4 * number + lane] = np.uint32(w[lane])


@kernel
def mix_patch(
    image: np.ndarray,
    other: np.ndarray,
    box: np.ndarray,
    mixing: int,
    a: np.float32,
    b: np.float32,
    limit: int,
    words: np.ndarray,
    wrap: bool,
) -> None:
    """Mix a box of `other` into the same box of `image`, both (3, H, W) uint8, in place.

    Args:
        words: (3 H W,) uint32, those of the box filled, for the mixings that choose.
        rest: as in `IPMixDraws`.
    """
    size = image.shape[1] * image.shape[2]
    tables = np.empty((2, 256), np.float32)
    if mixing < PIXELS:
        _fill_tables(mixing, a, b, tables)
    for c in range(3):
        for y in range(box[0], box[2]):
            row, second = image[c, y], other[c, y]
            begin = (c * size if mixing == ELEMENTS else 0) + y * image.shape[2]
            for x in range(box[1], box[3]):
                if mixing >= PIXELS:
                    if words[begin + x] >= limit:
                        row[x] = second[x]
                elif mixing == ADD:
                    row[x] = _byte((tables[0, row[x]] + tables[1, second[x]] + _1) / _2, wrap)
                else:
                    row[x] = _byte(tables[0, row[x]] * tables[1, second[x]] / _2, wrap)


@kernel
def make_tables(mixing: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`_fill_tables` of n patches: (n, 2, 256) float32."""
    tables = np.empty((len(mixing), 2, 256), np.float32)
    for n in range(len(mixing)):
        _fill_tables(mixing[n], a[n], b[n], tables[n])
    return tables


@kernel
def _fill_tables(mixing: int, a: np.float32, b: np.float32, tables: np.ndarray) -> None:
    """What add and multiply make of the 256 values of the image and of those of what is mixed in: (2, 256) float32."""
    zero = power_of_zero(a)
    for value in range(256):
        x = np.float32(value) / _255
        if mixing == ADD:
            tables[0, value], tables[1, value] = a * (x * _2 - _1), b * (x * _2 - _1)
        else:
            tables[0, value], tables[1, value] = power(_2 * x, a, zero), power(max(_2 * x, _FLOOR), b, _0)


@kernel
def _byte(value: np.float32, wrap: bool) -> int:
    """A value times 255, truncated, and clipped to a byte or taken modulo 256."""
    if not wrap:
        return int(min(max(value, _0), _1) * _255)
    value = value * _255
    return int(value) & 255 if abs(value) < _HUGE else 0
