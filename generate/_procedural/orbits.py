"""The orbits of VisualAtom (Takashima et al., CVPR 2023), as lines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.elementary import cosine, sine
from mixset._common.kernels import kernel

from .._drawing.rng import next_uniform


class Atom(NamedTuple):
    """Orbits about a centre; lengths are in frames.

    centre: (2,) float64. radii: (2,) float64, half axes of the first orbit. orbits, vertices: how many, of each orbit
    as many vertices. unit: what the rest is measured in. noise: c, how much an orbit lies outside the one before; each
    vertex by another random part of it. waves: (2,) float64, periods around the circle of two waves of height 1/2.
    gap: what is added everywhere.
    """

    centre: np.ndarray
    radii: np.ndarray
    orbits: int
    vertices: int
    unit: float
    noise: float
    waves: np.ndarray
    gap: float


@kernel(error_model="numpy")
def perlin(state: np.ndarray) -> float:
    """Gradient noise (Perlin, 1985) on a line, at a random place between two of its points; in [-1, 1]."""
    t, near, far = next_uniform(state), 4.0 * next_uniform(state) - 2.0, 4.0 * next_uniform(state) - 2.0
    ease = t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
    return near * t + ease * (far * (t - 1.0) - near * t)


@kernel(error_model="numpy")
def orbits(atom: Atom, seed: np.uint64) -> np.ndarray:
    """The vertices (L, V, 2) float64 of all orbits, in frames, the innermost first.

    At angle t a vertex of orbit k + 1 lies further out than that of orbit k by c (1 - p) + ½ sin n₁t + ½ sin n₂t + w,
    the noise p drawn for x and for y apart.
    """
    state = np.array([seed], np.uint64)
    out = np.empty((atom.orbits, atom.vertices, 2), np.float64)
    for j in range(atom.vertices):
        t = j / atom.vertices
        cos, sin = cosine(t), sine(t)
        steady = 0.5 * sine(atom.waves[0] * t) + 0.5 * sine(atom.waves[1] * t) + atom.gap
        x, y = atom.centre[0] + atom.radii[0] * cos, atom.centre[1] + atom.radii[1] * sin
        for k in range(atom.orbits):
            out[k, j, 0], out[k, j, 1] = x, y
            x += atom.unit * (atom.noise * (1.0 - perlin(state)) + steady) * cos
            y += atom.unit * (atom.noise * (1.0 - perlin(state)) + steady) * sin
    return out


@kernel(error_model="numpy")
def stroke(points: np.ndarray, values: np.ndarray, plane: np.ndarray) -> None:
    """Draw closed lines, a pixel wide and smooth, over one another.

    Args:
        points: (L, V, 2) float64, in frames. values: (L,) float32, of the lines.
        plane: (S, S) float32: a line of value v moves what is there towards v by its coverage.
    """
    side = len(plane)
    for k in range(len(points)):
        value = values[k]
        x0, y0 = points[k, -1, 0] * side - 0.5, points[k, -1, 1] * side - 0.5
        for j in range(points.shape[1]):
            x1, y1 = points[k, j, 0] * side - 0.5, points[k, j, 1] * side - 0.5
            dx, dy = x1 - x0, y1 - y0
            upright = abs(dy) > abs(dx)
            steps = int(np.ceil(max(abs(dx), abs(dy))))
            for i in range(steps):
                x, y = x0 + dx * i / steps, y0 + dy * i / steps
                along, across = (y, x) if upright else (x, y)
                first, place = int(np.floor(across)), int(np.floor(along + 0.5))
                share = across - first
                for far in range(2):
                    row, column = (place, first + far) if upright else (first + far, place)
                    if 0 <= row < side and 0 <= column < side:
                        weight = np.float32(share if far else 1.0 - share)
                        plane[row, column] += weight * (value - plane[row, column])
            x0, y0 = x1, y1


@kernel(error_model="numpy")
def spray(points: np.ndarray, level: np.ndarray, tint: np.ndarray, gain: float) -> None:
    """Closed lines as density: the more of them pass a place, the higher its level.

    Args:
        points: (L, V, 2) float64, in frames.
        level: (S, S) float32, out, in [0, 1]: g d, at most 1, of a density d that is 1 where a line passes at 256 px.
            In proportion, so that broad faint lines weigh as much on a small image as narrow ones on a large one.
        tint: (S, S) float32, out, in [0, 1]: by the number of the orbits that pass.
        gain: g.
    """
    side = len(level)
    level[:], tint[:] = np.float32(0.0), np.float32(0.0)
    # Lines are a pixel wide at any size, so that on larger images they have to be stronger.
    strength = side / 256.0
    for k in range(len(points)):
        hue = np.float32((k + 0.5) / len(points))
        x0, y0 = points[k, -1, 0] * side - 0.5, points[k, -1, 1] * side - 0.5
        for j in range(points.shape[1]):
            x1, y1 = points[k, j, 0] * side - 0.5, points[k, j, 1] * side - 0.5
            dx, dy = x1 - x0, y1 - y0
            length = np.sqrt(dx * dx + dy * dy)
            steps = int(np.ceil(length))
            for i in range(steps):
                x, y = x0 + dx * i / steps, y0 + dy * i / steps
                if not (0.0 <= x < side - 1.0 and 0.0 <= y < side - 1.0):
                    continue
                column, row = int(x), int(y)
                weight, u, v = strength * length / steps, x - column, y - row
                for corner in range(4):
                    right, down = corner & 1, corner >> 1
                    part = np.float32(weight * (u if right else 1.0 - u) * (v if down else 1.0 - v))
                    level[row + down, column + right] += part
                    tint[row + down, column + right] += part * hue
            x0, y0 = x1, y1
    more, one = np.float32(gain), np.float32(1.0)
    for y in range(side):
        for x in range(side):
            density = level[y, x]
            tint[y, x] /= density + np.float32(1e-6)
            level[y, x] = min(more * density, one)
