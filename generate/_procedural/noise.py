"""Gradient noise in octaves on a torus, and the warping of one field by others.

A row of Perlin's noise is linear in the distance to a lattice column once the row's gradients are blended, so each
row blends them first: a pixel of an octave then costs two gathers and five multiplications.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from mixset._common.elementary import cosine, sine
from mixset._common.kernels import kernel

from .._drawing.rng import next_uniform, next_word

PLAIN, BILLOWS, RIDGES = 0, 1, 2
"""What becomes of an octave n in [-1, 1]: itself, 2|n| - 1 (round tops), or 1 - 2|n| squared (sharp crests)."""


@kernel(error_model="numpy")
def _lattice(cells: int, state: np.ndarray) -> np.ndarray:
    """Random unit gradients (2, cells + 1, cells + 1) float32, the last row and column those of the first."""
    east, north = np.empty(256, np.float32), np.empty(256, np.float32)
    for i in range(256):
        east[i], north[i] = np.float32(cosine(i / 256.0)), np.float32(sine(i / 256.0))
    out = np.empty((2, cells + 1, cells + 1), np.float32)
    for j in range(cells + 1):
        for i in range(cells):
            turn = next_word(state) >> np.uint64(56) if j < cells else np.uint64(0)
            out[0, j, i] = east[turn] if j < cells else out[0, 0, i]
            out[1, j, i] = north[turn] if j < cells else out[1, 0, i]
        out[0, j, cells], out[1, j, cells] = out[0, j, 0], out[1, j, 0]
    return out


@kernel(error_model="numpy")
def _index(x: float, cells: int) -> tuple[int, np.float32, np.float32]:
    """The lattice line before a place, the distance from it, and that distance eased (6t⁵ - 15t⁴ + 10t³)."""
    line = int(x)
    t = np.float32(x - line)
    ease = t * t * t * (t * (t * np.float32(6.0) - np.float32(15.0)) + np.float32(10.0))
    return line % cells, t, ease


@kernel(error_model="numpy")
def _add_octave(out: np.ndarray, cells: int, weight: np.float32, kind: int, seed: np.uint64) -> None:
    side = len(out)
    state = np.array([seed], np.uint64)
    lattice = _lattice(cells, state)
    # Noise is nothing at its lattice points: octaves whose lattices coincide would show theirs.
    east, south = next_uniform(state), next_uniform(state)
    one, two, root = np.float32(1.0), np.float32(2.0), np.float32(1.4142135)
    columns, indices, eases = np.empty(side, np.int32), np.empty(side, np.float32), np.empty(side, np.float32)
    for x in range(side):
        columns[x], indices[x], eases[x] = _index(x * cells / side + east, cells)
    slope, height = np.empty(cells + 1, np.float32), np.empty(cells + 1, np.float32)
    row = np.empty(side, np.float32)
    for y in range(side):
        j, v, ease = _index(y * cells / side + south, cells)
        for i in range(cells + 1):
            near, far = lattice[1, j, i] * v, lattice[1, j + 1, i] * (v - one)
            slope[i] = lattice[0, j, i] + ease * (lattice[0, j + 1, i] - lattice[0, j, i])
            height[i] = near + ease * (far - near)
        for x in range(side):
            here, there = np.uint32(columns[x]), np.uint32(columns[x] + 1)
            left = indices[x] * slope[here] + height[here]
            right = (indices[x] - one) * slope[there] + height[there]
            # Noise of unit gradients reaches 1/√2.
            row[x] = root * (left + eases[x] * (right - left))
        target = out[y]
        if kind == PLAIN:
            for x in range(side):
                target[x] += weight * row[x]
        elif kind == BILLOWS:
            for x in range(side):
                target[x] += weight * (two * abs(row[x]) - one)
        else:
            for x in range(side):
                crest = one - abs(row[x])
                target[x] += weight * (two * crest * crest - one)


@kernel(error_model="numpy")
def octaves(side: int, cells: int, count: int, fall: float, kind: int, seed: np.uint64) -> np.ndarray:
    """Noise (side, side) float32 in [-1, 1] that tiles the plane.

    Args:
        cells: lattice cells across the first octave; each further one has twice as many.
        count: of octaves; those whose cells would be under 2 pixels wide are left out.
        fall: each octave's amplitude beside the one before; 0.5 halves it.
        kind: PLAIN, BILLOWS or RIDGES.
        seed: of the lattices; an octave's is the same at every side.
    """
    state = np.array([seed], np.uint64)
    out = np.zeros((side, side), np.float32)
    weight, whole = 1.0, 0.0
    for octave in range(count):
        lattice_seed = next_word(state)
        whole += weight
        if 2 * (cells << octave) <= side:
            _add_octave(out, cells << octave, np.float32(weight), kind, lattice_seed)
        weight *= fall
    scale = np.float32(1.0 / whole)
    for y in range(side):
        for x in range(side):
            out[y, x] *= scale
    return out


@kernel(error_model="numpy")
def sample(field: np.ndarray, x: np.float32, y: np.float32) -> np.float32:
    """Bilinear value of a tiling field (S, S) float32 at a place in pixels; |x| and |y| under 2**20."""
    side = np.int32(len(field))
    fx, fy = np.floor(x), np.floor(y)
    u, v = x - fx, y - fy
    i, j = np.int32(fx) % side, np.int32(fy) % side
    k, m = i + np.int32(1), j + np.int32(1)
    k, m = (np.int32(0) if k == side else k), (np.int32(0) if m == side else m)
    top = field[j, i] + u * (field[j, k] - field[j, i])
    bottom = field[m, i] + u * (field[m, k] - field[m, i])
    return top + v * (bottom - top)


@kernel(error_model="numpy")
def sample_masked(field: np.ndarray, x: np.float32, y: np.float32) -> np.float32:
    """As `sample` of a field whose side is a power of two: without the divisions, which cost more than all the rest."""
    mask, one = np.int32(len(field) - 1), np.int32(1)
    fx, fy = np.floor(x), np.floor(y)
    u, v = x - fx, y - fy
    i, j = np.int32(fx) & mask, np.int32(fy) & mask
    k, m = (i + one) & mask, (j + one) & mask
    top = field[j, i] + u * (field[j, k] - field[j, i])
    bottom = field[m, i] + u * (field[m, k] - field[m, i])
    return top + v * (bottom - top)


@kernel(error_model="numpy")
def warped(field: np.ndarray, east: np.ndarray, south: np.ndarray, bend: float) -> np.ndarray:
    """`field` (S, S) float32 at places shifted by `bend` frames times `east` and `south`, each (S, S) float32."""
    side = len(field)
    out = np.empty((side, side), np.float32)
    reach = np.float32(bend * side)
    for y in range(side):
        for x in range(side):
            out[y, x] = sample(field, np.float32(x) + reach * east[y, x], np.float32(y) + reach * south[y, x])
    return out


@cache
def shared_noise() -> np.ndarray:
    """(256, 256) float32: noise of 8 cells and 3 octaves, the same for all images; where in it they begin is drawn."""
    return octaves(256, 8, 3, 0.5, PLAIN, np.uint64(0x5EED))
