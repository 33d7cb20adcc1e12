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
                variance[row - 1, column - 1] += 1 / (i * i + j * j)
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
    deviations = amplitudes(draws.count[n, w, d], sides[1], sides[0])
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
        scale = np.float32(math.sqrt(draws.temperature[n, w, d]) * sides[axis])
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
    """scale · Σ coefficients[i, j] sines_y[i] ⊗ sines_x[j] into (H, W)."""
    field.fill(0)
    along = np.empty(field.shape[1], np.float32)
    for i in range(coefficients.shape[0]):
        along.fill(0)
        for j in range(coefficients.shape[1]):
            if coefficients[i, j] != 0:
                _add_scaled(scale * coefficients[i, j], sines_x[j], along)
        for y in range(field.shape[0]):
            _add_scaled(sines_y[i, y], along, field[y])


@kernel
def _add_scaled(factor: np.float32, values: np.ndarray, total: np.ndarray) -> None:
    for x in range(total.size):
        total[x] += factor * values[x]
