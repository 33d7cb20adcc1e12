"""PixMix by three CUDA kernels: the draws, the tables of the few images that need one, and all pixels.

A thread of the first draws a start or a round; a block of the second looks at an image; a thread of the third mixes
pixels, from the bytes of the data set to the number that the network gets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, types

from mixset._common.kernels import gpu_function, gpu_kernel

from .._augment.crops import draw_crop
from .._augment.drawing import draw_copy, draw_image, draw_rounds, draw_start, draw_weighing
from .._common import philox
from .cuda_records import strength
from .cuda_values import View, as_bfloat16, augmented, mixed_pixel, pixel
from .enhance_ops import luma, mean_grey
from .point_ops import spread, spread_step, stretch_scale, stretched

_CROP = np.uint64(philox.CROP)
_AUTOCONTRAST, _EQUALIZE, _CONTRAST = 0, 1, 10


@gpu_kernel
def draw_all(
    key: np.ndarray,
    indices: np.ndarray,
    recipe: np.ndarray,
    mixings: np.ndarray,
    firsts: np.ndarray,
    limits: np.ndarray,
    heads: np.ndarray,
    sources: np.ndarray,
) -> None:
    """Draw what happens to each image; a thread a source.

    Args:
        key: (3,) int64: the seed's bits, the epoch, and the bits of the seed that copies of an image share.
        indices: (N,) int64: positions in the data set.
        recipe: (1,) of `RECIPE`.
        mixings: (n,) int8, as `mixing_numbers` gives them.
        firsts: (S + 1,) int64, as `firsts` and `limits` of `PoolArrays`.
        limits: (S,) float64.
        heads: (N,) of `HEAD`, written, but for the mean grey.
        sources: (N, 1 + k) of `SOURCE`, written as far as an image has rounds.
    """
    k = sources.shape[1] - 1
    n, j = divmod(cuda.grid(1), k + 1)
    if n >= len(indices):
        return
    seed, epoch, index = np.uint64(key[0]), np.uint64(key[1]), indices[n]
    rounds, asked = draw_rounds(seed, epoch, index, k), recipe[0]
    source, size = sources[n, j], (asked["height"], asked["width"])
    if j == 0:
        head = heads[n]
        head["rounds"] = rounds
        shared = np.uint64(key[2])
        head["image"], head["top"], head["left"] = draw_image(shared, epoch, index, firsts, limits, asked["margins"])
        flip = asked["flip"] != 0
        crop = draw_crop(seed, epoch, index, asked["padding"], flip, _CROP)
        head["mirrored"], head["crop_top"], head["crop_left"] = crop
        op, level, sign = draw_start(seed, epoch, index, asked["severity"], asked["ops"])
    elif j <= rounds:
        op, level, sign = draw_copy(seed, epoch, index, j - 1, asked["severity"], asked["ops"], asked["share"])
        drawn = draw_weighing(seed, epoch, index, j - 1, asked["exponent"], mixings)
        source["mixing"], source["coin"], source["channel"] = drawn.mixing, drawn.coin, drawn.channel
        source["a"], source["b"], source["a2"], source["b2"] = drawn.a, drawn.b, drawn.a2, drawn.b2
    else:
        return
    source["op"] = op
    made = strength(op, level, sign, size[0], size[1])
    for i in range(6):
        source["numbers"][i] = made[i]


@gpu_kernel
def make_tables(
    data: np.ndarray,
    strides: tuple[int, int, int, int],
    size: tuple[int, int],
    rows: np.ndarray,
    heads: np.ndarray,
    sources: np.ndarray,
    tables: np.ndarray,
) -> None:
    """Make the tables of autocontrast and equalize and contrast's mean grey, where an image's ops ask; a block each.

    Args:
        data: (n,) uint8: the stored images.
        strides: how far apart in `data` two images, rows, columns and channels lie.
        size: (H, W) of an image.
        rows: (N,) int64: where the batch's images are stored.
        heads: (N,) of `HEAD`, whose mean grey is written.
        sources: (N, 1 + k) of `SOURCE`.
        tables: (N, 2, 3, 256) uint8, written.
    """
    n, t = cuda.blockIdx.x, cuda.threadIdx.x
    counts = cuda.shared.array((3, 256), types.int32)
    total = cuda.shared.array(1, types.uint64)
    scaled = cuda.shared.array((3, 256), types.float64)
    asked = cuda.shared.array(3, types.int32)
    if t == 0:
        total[0] = 0
        for kind in range(3):
            asked[kind] = 0
    for value in range(t, 256, cuda.blockDim.x):
        for channel in range(3):
            counts[channel, value] = 0
    cuda.syncthreads()
    for j in range(t, heads[n]["rounds"] + 1, cuda.blockDim.x):
        op = sources[n, j]["op"]
        if op in (_AUTOCONTRAST, _EQUALIZE):
            asked[op] = 1
        elif op == _CONTRAST:
            asked[2] = 1
    cuda.syncthreads()
    if asked[0] == 0 and asked[1] == 0 and asked[2] == 0:
        return
    _count(view_of(data, strides, size, rows[n], heads[n]), counts, total)
    cuda.syncthreads()
    pixels = size[0] * size[1]
    if t == 0:
        heads[n]["grey"] = mean_grey(np.int64(total[0]), pixels)
    if asked[0] != 0:
        _autocontrast(counts, scaled, tables[n, 0])
    if asked[1] != 0:
        _equalize(counts, pixels, tables[n, 1])


@gpu_function
def _count(view: View, counts: Any, total: Any) -> None:
    """A block's threads count the values of each channel, and sum up the greys."""
    greys = np.uint64(0)
    for p in range(cuda.threadIdx.x, view.height * view.width, cuda.blockDim.x):
        red, green, blue = pixel(view, *position(p, view.width))
        cuda.atomic.add(counts, (0, red), 1)
        cuda.atomic.add(counts, (1, green), 1)
        cuda.atomic.add(counts, (2, blue), 1)
        greys += np.uint64(luma(red, green, blue))
    cuda.atomic.add(total, 0, greys)


@gpu_function
def _autocontrast(counts: Any, scaled: Any, tables: Any) -> None:
    """A block's threads make autocontrast's tables (3, 256)."""
    for channel in range(3):
        low, high = _darkest(counts[channel]), _brightest(counts[channel])
        for value in range(cuda.threadIdx.x, 256, cuda.blockDim.x):
            # Kept over a barrier: the product and the sum as one operation round differently, and whole numbers, which
            # the ends of the channel become, would be cut to those below them.
            scaled[channel, value] = value * stretch_scale(low, high) if high > low else 0.0
    cuda.syncthreads()
    for channel in range(3):
        low, high = _darkest(counts[channel]), _brightest(counts[channel])
        for value in range(cuda.threadIdx.x, 256, cuda.blockDim.x):
            made = stretched(scaled[channel, value], -scaled[channel, low])
            tables[channel, value] = made if high > low else value


@gpu_function
def _equalize(counts: Any, pixels: int, tables: Any) -> None:
    """A block's threads make equalize's tables (3, 256)."""
    for channel in range(3):
        step = spread_step(pixels, counts[channel, _brightest(counts[channel])])
        for value in range(cuda.threadIdx.x, 256, cuda.blockDim.x):
            below = 0
            for darker in range(value):
                below += counts[channel, darker]
            tables[channel, value] = spread(below, step) if step > 0 else value


@gpu_function
def _darkest(counts: Any) -> int:
    value = 0
    while counts[value] == 0:
        value += 1
    return value


@gpu_function
def _brightest(counts: Any) -> int:
    value = 255
    while counts[value] == 0:
        value -= 1
    return value


@gpu_function
def view_of(data: np.ndarray, strides: tuple[int, int, int, int], size: tuple[int, int], row: int, head: Any) -> View:
    """A stored image, cropped and flipped as its head says."""
    steps = np.int32(strides[1]), np.int32(strides[2]), np.int32(strides[3])
    height, width = np.int32(size[0]), np.int32(size[1])
    first, top, left = row * strides[0], head["crop_top"], head["crop_left"]
    return View(data, first, steps[0], steps[1], steps[2], height, width, head["mirrored"], top, left)


@gpu_function
def position(p: int, width: int) -> tuple[np.int32, np.int32]:
    """The row and the column of an image's pixel number p."""
    row = np.int32(np.uint32(p) // np.uint32(width))  # unsigned: a division of signed numbers takes twice as long
    return row, np.int32(p - row * width)


@gpu_function
def crop_of(mixing: np.ndarray, shape: tuple[int, int], size: tuple[int, int], head: Any) -> View:
    """The crop of an image's mixing image; `mixing` is (M · h · w · 3,) uint8, `shape` its (h, w)."""
    row = shape[1] * 3
    first = head["image"] * shape[0] * row + head["top"] * row + head["left"] * 3
    none = np.int32(0)
    steps = np.int32(row), np.int32(3), np.int32(1)
    return View(mixing, first, steps[0], steps[1], steps[2], np.int32(size[0]), np.int32(size[1]), none, none, none)


@gpu_kernel
def mix_all(
    data: np.ndarray,
    strides: tuple[int, int, int, int],
    size: tuple[int, int],
    rows: np.ndarray,
    mixing: np.ndarray,
    shape: tuple[int, int],
    heads: np.ndarray,
    sources: np.ndarray,
    tables: np.ndarray,
    result: np.ndarray,
) -> None:
    """PixMix of all pixels; blocks of (image, some of its pixels).

    Args:
        data: as for `make_tables`, like `strides`, `size` and `rows`.
        mixing: (M · h · w · 3,) uint8.
        shape: (h, w) of the mixing images.
        heads: (N,) of `HEAD`.
        sources: (N, 1 + k) of `SOURCE`.
        tables: (N, 2, 3, 256) uint8.
        result: (N · H · W · 3,) float32, written.
    """
    n, step = cuda.blockIdx.x, cuda.blockDim.x * cuda.gridDim.y
    view, other = view_of(data, strides, size, rows[n], heads[n]), crop_of(mixing, shape, size, heads[n])
    pixels = size[0] * size[1]
    for p in range(cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x, pixels, step):
        values = mixed_pixel(view, other, heads[n], sources[n], tables[n], *position(p, size[1]))
        at = np.uint64((np.int64(n) * pixels + p) * 3)
        for channel in range(3):
            result[at + np.uint64(channel)] = values[channel]


@gpu_kernel
def mix_all_to_bfloat16(
    data: np.ndarray,
    strides: tuple[int, int, int, int],
    size: tuple[int, int],
    rows: np.ndarray,
    mixing: np.ndarray,
    shape: tuple[int, int],
    heads: np.ndarray,
    sources: np.ndarray,
    tables: np.ndarray,
    result: np.ndarray,
) -> None:
    """As `mix_all`, but `result` is (N · H · W · 3,) uint16: the bits of the numbers rounded to bfloat16."""
    n, step = cuda.blockIdx.x, cuda.blockDim.x * cuda.gridDim.y
    view, other = view_of(data, strides, size, rows[n], heads[n]), crop_of(mixing, shape, size, heads[n])
    pixels = size[0] * size[1]
    for p in range(cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x, pixels, step):
        values = mixed_pixel(view, other, heads[n], sources[n], tables[n], *position(p, size[1]))
        at = np.uint64((np.int64(n) * pixels + p) * 3)
        for channel in range(3):
            result[at + np.uint64(channel)] = as_bfloat16(values[channel])


@gpu_kernel
def augment_all(
    data: np.ndarray,
    strides: tuple[int, int, int, int],
    size: tuple[int, int],
    rows: np.ndarray,
    heads: np.ndarray,
    sources: np.ndarray,
    tables: np.ndarray,
    result: np.ndarray,
) -> None:
    """The op of each image's start alone, in the same blocks; `result` is (N · H · W · 3,) uint8."""
    n, step = cuda.blockIdx.x, cuda.blockDim.x * cuda.gridDim.y
    view = view_of(data, strides, size, rows[n], heads[n])
    pixels = size[0] * size[1]
    for p in range(cuda.blockIdx.y * cuda.blockDim.x + cuda.threadIdx.x, pixels, step):
        values = augmented(view, sources[n, 0], tables[n], heads[n]["grey"], *position(p, size[1]))
        at = np.uint64((np.int64(n) * pixels + p) * 3)
        for channel in range(3):
            result[at + np.uint64(channel)] = values[channel]
