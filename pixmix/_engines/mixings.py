"""Kernels of the mixings, on flat images: `x1` float32 in [0, 1], changed in place; `x2` uint8.

Each is the arithmetic of the `pillow` engine in the same order, clipped to [0, 1] in the same pass. What depends on
`x2` alone has 256 values, so its power comes from a table.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .powers import power, power_of_zero

BLOCK = 512
"""Values that are mixed at once: what they need stays in the first-level cache."""

_0, _HALF, _1, _2, _255 = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2), np.float32(255)
_FLOOR = np.float32(1e-37)  # keeps black to a negative power finite


@kernel
def mix(
    mixing: int,
    x1: np.ndarray,
    x2: np.ndarray,
    a: np.float32,
    b: np.float32,
    a2: np.float32,
    b2: np.float32,
    coin: bool,
    channel: int,
) -> None:
    """Mix x2 into x1 by the mixing with this place in `pixmix._augment.settings.MIXINGS`; the rest is as in `Draws`."""
    if mixing == 0:
        _add(x1, x2, a, b)
    elif mixing == 1:
        _multiply(x1, x2, a, b)
    elif mixing == 2:
        _screen(x1, x2, a, b)
    elif mixing == 3:
        _overlay(x1, x2, a, b, a2, b2, coin)
    elif mixing == 4:
        _darken_or_lighten(x1, x2, coin)
    else:
        _swap_channel(x1, x2, channel)


@kernel
def clip(x: np.float32) -> np.float32:
    """x cut to [0, 1]."""
    return min(max(x, _0), _1)


@kernel
def add(x1: np.float32, x2: np.float32, a: np.float32, b: np.float32) -> np.float32:
    """The mixing of two values in [0, 1] that adds them around grey."""
    return clip((a * (x1 * _2 - _1) + b * (x2 * _2 - _1) + _1) / _2)


@kernel
def first_power(x1: np.float32, a: np.float32, zero: np.float32) -> np.float32:
    """What `multiply` makes of a value of the image so far; `zero` is `power_of_zero(a)`."""
    return power(_2 * x1, a, zero)


@kernel
def second_power(x2: np.float32, b: np.float32) -> np.float32:
    """What `multiply` makes of a value that is mixed in."""
    return power(max(_2 * x2, _FLOOR), b, _0)


@kernel
def _add(x1: np.ndarray, x2: np.ndarray, a: np.float32, b: np.float32) -> None:
    for i in range(x1.size):
        other = np.float32(x2[i]) / _255
        x1[i] = add(x1[i], other, a, b)


@kernel
def _multiply(x1: np.ndarray, x2: np.ndarray, a: np.float32, b: np.float32) -> None:
    table = _power_table(b, False)
    product = np.empty(BLOCK, np.float32)
    for start in range(0, x1.size, BLOCK):
        first, second = x1[start : start + BLOCK], x2[start : start + BLOCK]
        _product(first, second, a, table, False, product)
        for i in range(first.size):
            first[i] = clip(product[i])


@kernel
def multiply_bytes(x1: np.ndarray, x2: np.ndarray, a: np.float32, b: np.float32, result: np.ndarray) -> None:
    """`multiply` where x1 is uint8, too, so that both powers come from tables: the first round's way."""
    table1, table2 = _byte_table(a), _power_table(b, False)
    other = np.empty(BLOCK, np.float32)
    for start in range(0, x1.size, BLOCK):
        first, second, out = x1[start : start + BLOCK], x2[start : start + BLOCK], result[start : start + BLOCK]
        for i in range(out.size):
            out[i] = table1[first[i]]
        for i in range(out.size):
            other[i] = table2[second[i]]
        for i in range(out.size):
            out[i] = clip(out[i] * other[i] * _HALF)


@kernel
def _screen(x1: np.ndarray, x2: np.ndarray, a: np.float32, b: np.float32) -> None:
    table = _power_table(b, True)
    product = np.empty(BLOCK, np.float32)
    for start in range(0, x1.size, BLOCK):
        first, second = x1[start : start + BLOCK], x2[start : start + BLOCK]
        _product(first, second, a, table, True, product)
        for i in range(first.size):
            first[i] = clip(_1 - product[i])


@kernel
def _overlay(
    x1: np.ndarray, x2: np.ndarray, a: np.float32, b: np.float32, a2: np.float32, b2: np.float32, coin: bool
) -> None:
    table, table2 = _power_table(b, False), _power_table(b2, True)
    product, product2 = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for start in range(0, x1.size, BLOCK):
        first, second = x1[start : start + BLOCK], x2[start : start + BLOCK]
        _product(first, second, a, table, False, product)
        _product(first, second, a2, table2, True, product2)
        for i in range(first.size):
            chosen = first[i] < _HALF if coin else first[i] > _HALF
            first[i] = clip(product[i] if chosen else _1 - product2[i])


@kernel
def _darken_or_lighten(x1: np.ndarray, x2: np.ndarray, coin: bool) -> None:
    for i in range(x1.size):
        other = np.float32(x2[i]) / _255
        x1[i] = min(x1[i], other) if coin else max(x1[i], other)


@kernel
def _swap_channel(x1: np.ndarray, x2: np.ndarray, channel: int) -> None:
    size = x1.size // 3
    first = int(channel) * size
    for i in range(first, first + size):
        x1[i] = np.float32(x2[i]) / _255


@kernel
def _product(
    x1: np.ndarray, x2: np.ndarray, a: np.float32, table: np.ndarray, inverted: bool, result: np.ndarray
) -> None:
    """½ · (2 x1)^a · table[x2], or with 1 − x1 for x1, into the front of `result`."""
    zero = power_of_zero(a)
    # A pass of its own: a table look-up in the arithmetic would keep that from vectorising (10 times the time).
    for i in range(x1.size):
        result[i] = table[x2[i]]
    if inverted:
        for i in range(x1.size):
            result[i] = first_power(_1 - x1[i], a, zero) * result[i] * _HALF
    else:
        for i in range(x1.size):
            result[i] = first_power(x1[i], a, zero) * result[i] * _HALF


@kernel
def _power_table(b: np.float32, inverted: bool) -> np.ndarray:
    """max(2x, floor)^b for the 256 values of x, or of 1 − x."""
    table = np.empty(256, np.float32)
    for value in range(256):
        x = np.float32(value) / _255
        table[value] = second_power(_1 - x if inverted else x, b)
    return table


@kernel
def _byte_table(a: np.float32) -> np.ndarray:
    """(2x)^a for the 256 values of x."""
    zero = power_of_zero(a)
    table = np.empty(256, np.float32)
    for value in range(256):
        table[value] = first_power(np.float32(value) / _255, a, zero)
    return table
