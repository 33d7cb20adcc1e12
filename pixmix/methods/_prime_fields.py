"""PRIME's displacement fields: sums of sines, drawn as the few coefficients that a grid of pixels can tell apart."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from mixset._common.kernels import kernel

from .._common import philox
from ._prime_draws import DEPTH, PrimeDraws
from ._prime_normals import fill_normals

_FIELDS = np.uint64(philox.PRIME_FIELDS)


@lru_cache(maxsize=8)
def sines(side: int) -> np.ndarray:
    """sin(π k t), with k = 1, 2, … and t from 0 to 1 over `side` pixels: (side − 2, side) float32.

    These are all: on the grid a higher frequency is one of them again, or its negative, or 0.
    """
    modes, pixels = np.arange(1, max(side - 1, 1)), np.arange(side)
    table = np.sin(np.pi * np.outer(modes, pixels) / max(side - 1, 1)).astype(np.float32)
    table.flags.writeable = False
    return table


@kernel
def amplitudes(cut: int, height: int, width: int) -> np.ndarray:
    """The standard deviations of a field's coefficients, float32, by frequency along y and along x from 1 on.

    The field is a sum over frequencies i and j with √(i² + j²) < cut + ½, whose coefficients have the variance
    1 / (i² + j²). Frequencies that are the same on the grid are one coefficient here, which has the sum of their
    variances: the same distribution, of (height − 2) (width − 2) numbers at most, however high the frequencies.
    """
    variance = np.zeros((min(cut, max(height - 2, 0)), min(cut, max(width - 2, 0))), np.float32)
    limit = (cut + 0.5) ** 2
    for i in range(1, cut + 1):
        row = _on_grid(i, height)
        j = 1
        while row > 0 and i * i + j * j < limit:
            column = _on_grid(j, width)
            if column > 0:
                variance[row - 1, column - 1] += np.float32(1 / (i * i + j * j))
            j += 1
    return np.sqrt(variance)


@kernel
def _on_grid(frequency: int, side: int) -> int:
    """The lowest frequency that is this one on the grid but for its sign; 0 where it vanishes there."""
    period = max(2 * (side - 1), 1)
    rest = frequency % period
    if 2 * rest > period:
        rest = period - rest
    return 0 if 2 * rest == period else rest


@kernel
def fill_field(
    draws: PrimeDraws, step: tuple[int, int, int], sines_y: np.ndarray, sines_x: np.ndarray, moves: np.ndarray
) -> None:
    """The displacements of one step in pixels, along x and along y, into (2, H, W)."""
    n, w, d = step
    sides = moves.shape[2], moves.shape[1]
    deviations = amplitudes(draws.number[n, w, d], sides[1], sides[0])
    blocks = first_block(draws.field[n, w, 1], d)
    for axis in range(2):
        coefficients = np.zeros_like(deviations)
        for row in range(deviations.shape[0]):
            there = 0  # from some column on a row has none
            while there < deviations.shape[1] and deviations[row, there] > 0:
                there += 1
            number = blocks + (axis << 24) + row * row_blocks(sides[0])
            values = coefficients[row, :there]
            fill_normals(draws.seed, draws.epoch, draws.field[n, w, 0], number, _FIELDS, values)
            for column in range(there):
                values[column] *= deviations[row, column]
        scale = np.float32(math.sqrt(draws.temperature[n, w, d])) * np.float32(sides[axis])
        fill_sum(coefficients, sines_y, sines_x, scale, moves[axis])


@kernel
def first_block(chain: int, step: int) -> int:
    """Where the normal numbers of a step's two fields begin; the second's are 2**24 blocks further on."""
    return (chain * DEPTH + step) << 25


@kernel
def row_blocks(width: int) -> int:
    """How many blocks of normal numbers a row of coefficients has."""
    return (max(width - 2, 0) + 3) // 4


@kernel
def fill_sum(
    coefficients: np.ndarray, sines_y: np.ndarray, sines_x: np.ndarray, scale: np.float32, field: np.ndarray
) -> None:
    """scale · Σ coefficients[i, j] sines_y[i] ⊗ sines_x[j] into (H, W).

    Four frequencies at a time, so that a row of the result is read and written a quarter as often.
    """
    field.fill(0)
    rows = coefficients.shape[0]
    along, factors = np.empty((4, field.shape[1]), np.float32), np.zeros(4, np.float32)
    for first in range(0, rows, 4):
        along.fill(0)
        here = min(rows - first, 4)
        factors.fill(0)
        for r in range(here):
            _add_all(coefficients[first + r], sines_x, along[r])
        for y in range(field.shape[0]):
            for r in range(here):
                factors[r] = scale * sines_y[first + r, y]
            _add_four(factors, along, field[y])


@kernel
def _add_all(coefficients: np.ndarray, table: np.ndarray, total: np.ndarray) -> None:
    """Add Σ coefficients[j] table[j]; those behind the last that is not 0 are left out."""
    count = coefficients.size
    while count > 0 and coefficients[count - 1] == 0:
        count -= 1
    whole = count // 4 * 4
    for j in range(0, whole, 4):
        _add_four(coefficients[j : j + 4], table[j : j + 4], total)
    for j in range(whole, count):
        factor, values = coefficients[j], table[j]
        for x in range(total.size):
            total[x] += factor * values[x]


@kernel
def _add_four(factors: np.ndarray, rows: np.ndarray, total: np.ndarray) -> None:
    a, b, c, d = factors[0], factors[1], factors[2], factors[3]
    first, second, third, fourth = rows[0], rows[1], rows[2], rows[3]
    for x in range(total.size):
        total[x] += a * first[x] + b * second[x] + c * third[x] + d * fourth[x]
