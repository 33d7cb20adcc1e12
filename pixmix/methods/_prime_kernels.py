"""PRIME's three primitives and its chains as kernels, on planes (3, H, W) float32 in [0, 1]."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._common import philox
from ._prime_draws import COLOUR, DEPTH, FILTER, PrimeDraws
from ._prime_fields import fill_field
from ._prime_normals import fill_normals

_COLOURS = np.uint64(philox.PRIME_COLOURS)
_PART = 512
"""Pixels whose waves are made together: their buffers stay in the first cache."""
_0, _HALF, _1, _2 = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)


@kernel
def mix_range(
    first: int,
    last: int,
    images: np.ndarray,
    draws: PrimeDraws,
    sines_y: np.ndarray,
    sines_x: np.ndarray,
    result: np.ndarray,
) -> None:
    """PRIME of the images (N, 3, H, W) from `first` up to `last` into an array like theirs.

    `sines_y` and `sines_x` are `_prime_fields.sines` of the height and of the width.
    """
    here, there = np.empty_like(images[0]), np.empty_like(images[0])
    moves = np.empty((2, *images.shape[2:]), np.float32)
    for n in range(first, last):
        out = result[n].reshape(-1)
        share = draws.share[n]
        _add(images[n].reshape(-1), _1 - share, out, True)
        for w in range(draws.op.shape[1]):
            chain = images[n]
            for d in range(draws.op.shape[2]):
                op = draws.op[n, w, d]
                if op < 0:
                    break
                if op == FILTER:
                    correlate(chain, draws.taps[n, w, d], there)
                elif op == COLOUR:
                    _recolour(chain, draws, (n, w, d), there)
                else:
                    fill_field(draws, (n, w, d), sines_y, sines_x, moves)
                    displace(chain, moves, there)
                chain = there
                here, there = there, here
            _add(chain.reshape(-1), share * draws.weights[n, w], out, False)
        for i in range(out.size):
            out[i] = min(out[i], _1)  # weights that sum to 1 but for rounding may exceed it


@kernel
def _add(values: np.ndarray, weight: np.float32, total: np.ndarray, fresh: bool) -> None:
    if fresh:
        for i in range(total.size):
            total[i] = weight * values[i]
    else:
        for i in range(total.size):
            total[i] += weight * values[i]


@kernel
def correlate(image: np.ndarray, taps: np.ndarray, result: np.ndarray) -> None:
    """Cross-correlation with a (3, 3) kernel, black beyond the border, clipped to [0, 1]."""
    height, width = image.shape[1:]
    for c in range(3):
        for y in range(height):
            out = result[c, y]
            out.fill(0)
            for i in range(max(1 - y, 0), min(height - y + 1, 3)):
                for j in range(3):
                    _add_row(image[c, y + i - 1], taps[i, j], j - 1, out)
            for x in range(width):
                out[x] = min(max(out[x], _0), _1)


@kernel
def _add_row(row: np.ndarray, weight: np.float32, shift: int, out: np.ndarray) -> None:
    low, high = max(-shift, 0), row.size - max(shift, 0)
    source, target = row[low + shift : high + shift], out[low:high]
    for x in range(target.size):
        target[x] += weight * source[x]


@kernel
def _recolour(image: np.ndarray, draws: PrimeDraws, step: tuple[int, int, int], result: np.ndarray) -> None:
    n, w, d = step
    waves = np.empty(draws.number[n, w, d], np.float32)
    for c in range(3):
        number = ((DEPTH * w + d) * 3 + c) << 20
        fill_normals(draws.seed, draws.epoch, draws.indices[n], number, _COLOURS, waves)
        scale = np.float32(math.sqrt(draws.temperature[n, w, d]))
        for k in range(waves.size):
            waves[k] *= scale
        add_waves(image[c].reshape(-1), waves, draws.first[n, w, d], result[c].reshape(-1))


@kernel
def add_waves(values: np.ndarray, waves: np.ndarray, first: int, result: np.ndarray) -> None:
    """v + Σ waves[k] sin(π (first + k) v), clipped to [0, 1], of flat values.

    Sine and cosine of each next frequency are those of the last one turned by π v, so that two of a value are taken,
    however many frequencies there are.
    """
    turn_sine, turn_cosine = np.empty(_PART, np.float32), np.empty(_PART, np.float32)
    sine, cosine = np.empty(_PART, np.float32), np.empty(_PART, np.float32)
    total, frequency = np.empty(_PART, np.float32), np.float32(first)
    for begin in range(0, values.size, _PART):
        part = values[begin : begin + _PART]
        for i in range(part.size):
            turn_sine[i], turn_cosine[i] = _sine_and_cosine(part[i])
            sine[i], cosine[i] = _sine_and_cosine(frequency * part[i])
            total[i] = part[i]
        for k in range(waves.size):
            wave = waves[k]
            for i in range(part.size):
                total[i] += wave * sine[i]
                turned = sine[i] * turn_cosine[i] + cosine[i] * turn_sine[i]
                cosine[i] = cosine[i] * turn_cosine[i] - sine[i] * turn_sine[i]
                sine[i] = turned
        out = result[begin : begin + _PART]
        for i in range(part.size):
            out[i] = min(max(total[i], _0), _1)


@kernel
def _sine_and_cosine(turns: np.float32) -> tuple[np.float32, np.float32]:
    """Of π times a number; in arithmetic alone, which vectorises, where the library's would take most of the time."""
    angle = turns - _2 * np.floor(_HALF * turns + _HALF)
    size = abs(angle)
    near = _HALF - abs(size - _HALF)
    return _sine(near if angle >= _0 else -near), _sine(_HALF - size)


_TAYLOR = [np.float32((-1) ** n * math.pi ** (2 * n + 1) / math.factorial(2 * n + 1)) for n in range(6)]
_S1, _S3, _S5, _S7, _S9, _S11 = _TAYLOR


@kernel
def _sine(x: np.float32) -> np.float32:
    """sin(π x) for −½ ≤ x ≤ ½, to float32's last bits."""
    y = x * x
    return x * (_S1 + y * (_S3 + y * (_S5 + y * (_S7 + y * (_S9 + y * _S11)))))


@kernel
def displace(image: np.ndarray, moves: np.ndarray, result: np.ndarray) -> None:
    """Each pixel is taken from `moves` (x, y) before its place, between pixels bilinearly, within the image."""
    height, width = image.shape[1:]
    for y in range(height):
        for x in range(width):
            column = min(max(np.float32(x) - moves[0, y, x], _0), np.float32(width - 1))
            row = min(max(np.float32(y) - moves[1, y, x], _0), np.float32(height - 1))
            left, top = int(column), int(row)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            across, down = column - np.float32(left), row - np.float32(top)
            for c in range(3):
                above = image[c, top, left] + across * (image[c, top, right] - image[c, top, left])
                below = image[c, bottom, left] + across * (image[c, bottom, right] - image[c, bottom, left])
                result[c, y, x] = above + down * (below - above)
