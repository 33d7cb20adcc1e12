"""LayerMix's ops by compiled kernels: torchvision's ops of float images, (3, H, W) float32 in [0, 1]."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._engines.point_ops import equalize as equalize_bytes
from ._layermix_draws import OPS

EQUALIZE, POSTERIZE, INCREASING, SOLARIZE, SOLARIZE_INCREASING, AUTOCONTRAST, GREYSCALE = range(7)
ROTATE, SHEAR_X, SHEAR_Y, TRANSLATE_X, TRANSLATE_Y = range(7, len(OPS))
_0, _1, _255 = np.float32(0), np.float32(1), np.float32(255)
_RED, _GREEN, _BLUE = np.float32(0.2989), np.float32(0.587), np.float32(0.114)
_ALL_BUT = np.float32(255.999)  # what [0, 1] is multiplied by, and then truncated, to be bytes


@kernel
def do_op(source: np.ndarray, op: int, strength: float, result: np.ndarray) -> None:
    """Do the op with this index in `pixmix.methods._layermix_draws.OPS`; strengths are as there."""
    values, out = source.reshape(-1), result.reshape(-1)
    if op == EQUALIZE:
        _equalize(source, result)
    elif op in (POSTERIZE, INCREASING):
        _posterize(values, 1 << int(strength), out)
    elif op in (SOLARIZE, SOLARIZE_INCREASING):
        limit = np.float32(strength)
        for i in range(out.size):
            out[i] = _1 - values[i] if values[i] >= limit else values[i]
    elif op == AUTOCONTRAST:
        _autocontrast(source, result)
    elif op == GREYSCALE:
        for y in range(source.shape[1]):
            for x in range(source.shape[2]):
                grey = _RED * source[0, y, x] + _GREEN * source[1, y, x] + _BLUE * source[2, y, x]
                result[0, y, x], result[1, y, x], result[2, y, x] = grey, grey, grey
    else:
        a, b, c, d, e, f = movement(op, strength)
        _move(source, a, b, c, d, e, f, result)


@kernel
def _equalize(source: np.ndarray, result: np.ndarray) -> None:
    """By way of bytes."""
    before, after = np.empty(source.shape, np.uint8), np.empty(source.shape, np.uint8)
    values, levels, done, out = source.reshape(-1), before.reshape(-1), after.reshape(-1), result.reshape(-1)
    for i in range(values.size):
        levels[i] = np.uint8(values[i] * _ALL_BUT)
    equalize_bytes(before, after)
    for i in range(values.size):
        out[i] = np.float32(done[i]) / _255


@kernel
def _posterize(values: np.ndarray, levels: int, out: np.ndarray) -> None:
    """Each value becomes the lower end of its level, of so many."""
    count = np.float32(levels)
    for i in range(out.size):
        out[i] = min(np.floor(values[i] * count), count - _1) / count


@kernel
def _autocontrast(source: np.ndarray, result: np.ndarray) -> None:
    """Each channel stretched from 0 to 1, where it is not the same everywhere."""
    for c in range(3):
        plane, out = source[c].reshape(-1), result[c].reshape(-1)
        low, high = plane[0], plane[0]
        for i in range(plane.size):
            low, high = min(low, plane[i]), max(high, plane[i])
        first, span = (low, high - low) if high > low else (_0, _1)
        for i in range(plane.size):
            out[i] = min((plane[i] - first) / span, _1)


@kernel
def movement(op: int, strength: float) -> tuple[float, float, float, float, float, float]:
    """(a, b, c, d, e, f): the output at (x, y), from the image's centre, is the input at (ax + by + c, dx + ey + f)."""
    if op == ROTATE:
        cosine, sine = math.cos(math.radians(strength)), math.sin(math.radians(strength))
        return cosine, -sine, 0.0, sine, cosine, 0.0
    if op == SHEAR_X:
        return 1.0, strength, 0.0, 0.0, 1.0, 0.0
    if op == SHEAR_Y:
        return 1.0, 0.0, 0.0, strength, 1.0, 0.0
    if op == TRANSLATE_X:
        return 1.0, 0.0, -strength, 0.0, 1.0, 0.0
    return 1.0, 0.0, 0.0, 0.0, 1.0, -strength


@kernel
def _move(source: np.ndarray, a: float, b: float, c: float, d: float, e: float, f: float, result: np.ndarray) -> None:
    """Interpolated between four pixels, those outside being black."""
    height, width = source.shape[1:]
    middle_x, middle_y = (width - 1) / 2.0, (height - 1) / 2.0
    for y in range(height):
        for x in range(width):
            across, down = x - middle_x, y - middle_y
            column = a * across + b * down + c + middle_x
            row = d * across + e * down + f + middle_y
            x0, y0 = math.floor(column), math.floor(row)
            right, below = np.float32(column - x0), np.float32(row - y0)
            w00, w01 = (_1 - below) * (_1 - right), (_1 - below) * right
            w10, w11 = below * (_1 - right), below * right
            if 0 <= x0 < width - 1 and 0 <= y0 < height - 1:
                for k in range(3):
                    upper, lower = source[k, y0], source[k, y0 + 1]
                    result[k, y, x] = w00 * upper[x0] + w01 * upper[x0 + 1] + w10 * lower[x0] + w11 * lower[x0 + 1]
                continue
            for k in range(3):
                total = w00 * _value(source[k], y0, x0) + w01 * _value(source[k], y0, x0 + 1)
                total += w10 * _value(source[k], y0 + 1, x0) + w11 * _value(source[k], y0 + 1, x0 + 1)
                result[k, y, x] = total


@kernel
def _value(plane: np.ndarray, y: int, x: int) -> np.float32:
    return plane[y, x] if 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] else _0
