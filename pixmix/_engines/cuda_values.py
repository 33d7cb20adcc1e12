"""One pixel's way through PixMix, as functions that are compiled for a GPU and, in tests, for the CPU.

The arithmetic is that of the `numba` engine's kernels. Images are flat arrays of bytes with strides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .affine_ops import between
from .enhance_ops import blend, luma, smooth
from .mixings import add, clip, first_power, second_power
from .powers import power_of_zero

_0, _HALF, _1, _255 = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)


class View(NamedTuple):
    """An image as the ops see it: cut out of a stored one, and flipped; black beside that."""

    data: np.ndarray
    """(n,) uint8: the stored images."""
    first: int
    """Where in `data` the image begins."""
    row: int | np.int32
    """How far apart in `data` two rows lie."""
    column: int | np.int32
    """How far apart two columns lie."""
    channel: int | np.int32
    """How far apart two channels lie."""
    height: int | np.int32
    """In pixels, of the stored image and of the view."""
    width: int | np.int32
    """In pixels."""
    mirrored: int | np.int32
    """Whether it is flipped horizontally."""
    top: int | np.int32
    """The stored image's row at which the view begins."""
    left: int | np.int32
    """The column at which it begins, counted from the right if it is flipped."""


@kernel
def pixel(view: View, y: int, x: int) -> tuple[np.int32, np.int32, np.int32]:
    """The colour at a row and a column of a view."""
    above, beside = np.int32(y + view.top), np.int32(x + view.left)
    if above < 0 or above >= view.height or beside < 0 or beside >= view.width:
        return np.int32(0), np.int32(0), np.int32(0)
    if view.mirrored:
        beside = np.int32(view.width - 1 - beside)
    # Unsigned, as Numba looks after negative indices at run time.
    at = np.uint64(view.first + np.int32(above * view.row + beside * view.column))
    step = np.uint64(view.channel)
    return np.int32(view.data[at]), np.int32(view.data[at + step]), np.int32(view.data[at + step + step])


@kernel
def _moved(view: View, source: Any, y: int, x: int) -> tuple[np.int32, np.int32, np.int32]:
    """The colour of a rotated or sheared image; see `affine_ops.affine`."""
    numbers = source["numbers"]
    column = numbers[0] * (x + 0.5) + numbers[1] * (y + 0.5) + numbers[2]
    row = numbers[3] * (x + 0.5) + numbers[4] * (y + 0.5) + numbers[5]
    if not (column >= 0.0 and column < view.width and row >= 0.0 and row < view.height):
        return np.int32(0), np.int32(0), np.int32(0)
    column -= 0.5
    row -= 0.5
    # Both are at least −½, and CUDA's Numba has no np.floor.
    x0 = np.int32(-1) if column < 0.0 else np.int32(column)
    y0 = np.int32(-1) if row < 0.0 else np.int32(row)
    across, down = column - x0, row - y0
    left, right = max(x0, np.int32(0)), min(np.int32(x0 + 1), np.int32(view.width - 1))
    above, below = max(y0, np.int32(0)), min(np.int32(y0 + 1), np.int32(view.height - 1))
    first, second = pixel(view, above, left), pixel(view, above, right)
    third, fourth = pixel(view, below, left), pixel(view, below, right)
    return (
        _inside(first[0], second[0], third[0], fourth[0], across, down),
        _inside(first[1], second[1], third[1], fourth[1], across, down),
        _inside(first[2], second[2], third[2], fourth[2], across, down),
    )


@kernel
def _inside(
    first: np.int32, second: np.int32, third: np.int32, fourth: np.int32, across: float, down: float
) -> np.int32:
    upper, lower = between(first, second, across), between(third, fourth, across)
    return np.int32(upper + (lower - upper) * down)


@kernel
def _smoothed(view: View, y: int, x: int) -> tuple[np.int32, np.int32, np.int32]:
    """The colour of the image that `sharpness` blends with, within the border."""
    red = green = blue = np.int32(0)
    for beside in range(9):
        weight = np.int32(5 if beside == 4 else 1)
        values = pixel(view, y - 1 + beside // 3, x - 1 + beside % 3)
        red = np.int32(red + weight * values[0])
        green = np.int32(green + weight * values[1])
        blue = np.int32(blue + weight * values[2])
    return smooth(red), smooth(green), smooth(blue)


@kernel
def augmented(
    view: View, source: Any, tables: np.ndarray, grey: int, y: int, x: int
) -> tuple[np.int32, np.int32, np.int32]:
    """The colour at a row and a column of what an op makes of an image.

    Args:
        source: a record of `SOURCE`.
        tables: (2, 3, 256) uint8: autocontrast's and equalize's values, where the op is one of them.
        grey: the mean, where the op is contrast.
    """
    op = source["op"]
    if op == 3 or op == 5 or op == 6:
        return _moved(view, source, y, x)
    if op == 7 or op == 8:
        beside, above = np.int32(x + source["numbers"][0]), np.int32(y + source["numbers"][1])
        if above < 0 or above >= view.height or beside < 0 or beside >= view.width:
            return np.int32(0), np.int32(0), np.int32(0)
        return pixel(view, above, beside)
    red, green, blue = pixel(view, y, x)
    if op < 0:
        return red, green, blue
    if op < 2:
        return np.int32(tables[op, 0, red]), np.int32(tables[op, 1, green]), np.int32(tables[op, 2, blue])
    number = source["numbers"][0]
    if op == 2:
        mask = np.int32(number)
        return np.int32(red & mask), np.int32(green & mask), np.int32(blue & mask)
    if op == 4:
        last = np.int32(number)
        return _inverted(red, last), _inverted(green, last), _inverted(blue, last)
    lesser = np.int32(0), np.int32(0), np.int32(0)
    if op == 9:
        own = luma(red, green, blue)
        lesser = own, own, own
    elif op == 10:
        lesser = np.int32(grey), np.int32(grey), np.int32(grey)
    elif op == 12:
        if y < 1 or y >= view.height - 1 or x < 1 or x >= view.width - 1:
            return red, green, blue
        lesser = _smoothed(view, y, x)
    factor = np.float32(number)
    return (
        np.int32(blend(lesser[0], red, factor)),
        np.int32(blend(lesser[1], green, factor)),
        np.int32(blend(lesser[2], blue, factor)),
    )


@kernel
def _inverted(value: np.int32, last: np.int32) -> np.int32:
    return value if value < last else np.int32(255 - value)


@kernel
def mixed_pixel(
    view: View,
    mixing: View,
    head: Any,
    sources: np.ndarray,
    tables: np.ndarray,
    y: int,
    x: int,
) -> tuple[np.float32, np.float32, np.float32]:
    """The colour at a row and a column of what PixMix makes of an image, in [0, 1].

    Args:
        view: the input.
        mixing: the mixing image, beginning at its crop.
        head: the image's record of `HEAD`.
        sources: (1 + k,) records of `SOURCE`.
        tables: (2, 3, 256) uint8, as for `augmented`.
    """
    red = green = blue = _0
    for j in range(head["rounds"] + 1):
        source = sources[j]
        if j > 0 and source["op"] < 0:
            values = pixel(mixing, y, x)
        else:
            values = augmented(view, source, tables, head["grey"], y, x)
        first, second, third = as_float(values[0]), as_float(values[1]), as_float(values[2])
        if j == 0:
            red, green, blue = first, second, third
        else:
            red, green, blue = (
                _mixed(source, 0, red, first),
                _mixed(source, 1, green, second),
                _mixed(source, 2, blue, third),
            )
    return red, green, blue


@kernel
def as_float(value: np.int32) -> np.float32:
    """A byte as a number in [0, 1]."""
    return np.float32(value) / _255


@kernel
def _mixed(source: Any, channel: int, x1: np.float32, x2: np.float32) -> np.float32:
    """Mix a value into that of the image so far."""
    mixing, a, b = source["mixing"], source["a"], source["b"]
    if mixing == 0:
        return add(x1, x2, a, b)
    if mixing == 4:
        return min(x1, x2) if source["coin"] else max(x1, x2)
    if mixing == 5:
        return x2 if source["channel"] == channel else x1
    # Multiply, screen, or overlay, which is one of them, as one piece of code: registers are what a GPU lacks here.
    screens = mixing == 2
    if mixing == 3:
        screens = not (x1 < _HALF if source["coin"] else x1 > _HALF)
        a, b = (source["a2"], source["b2"]) if screens else (a, b)
    if screens:
        x1, x2 = _1 - x1, _1 - x2
    product = first_power(x1, a, power_of_zero(a)) * second_power(x2, b) * _HALF
    return clip(_1 - product if screens else product)


@kernel
def as_bfloat16(value: np.float32) -> np.uint16:
    """The bits of a number in [0, 1], rounded to bfloat16, to the even one of two that are as near."""
    bits = np.uint32(np.float32(value).view(np.int32))
    return np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))
