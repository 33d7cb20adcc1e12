"""What lies behind the layers: smooth fields, made small and coloured at the full size."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import angle, cosine, log2, sine
from mixset._common.kernels import kernel

from .._drawing.rng import Draws, next_uniform

_KINDS = {"julia": 0.32, "warp": 0.30, "plasma": 0.14, "spiral": 0.14, "gradient": 0.10}


def sample_ground(draws: Draws, out: np.ndarray, kinds: dict[str, float] | None = None) -> str:
    """Draw a ground's field into `out` (S, S) float32, in palette turns; returns its kind, one of `kinds`."""
    side = len(out)
    kind = draws.weighted(kinds or _KINDS)
    coarse = max(side // 5, 64)
    if kind == "julia":
        field = _sample_julia(draws, max(side // 4, 64))
    elif kind == "warp":
        field = _warped_noise(
            coarse,
            draws.uniform(1.5, 3.5),
            draws.uniform(0.2, 1.2),
            draws.uniform(0.7, 1.8),
            draws.uniform(0.45, 0.62),
            np.uint64(draws.word()),
        )
    elif kind == "plasma":
        field = _plasma(coarse, draws.uniform(0.5, 0.68), draws.uniform(0.6, 1.3), np.uint64(draws.word()))
    else:
        arms = float(draws.whole(1, 6)) if kind == "spiral" else 0.0
        field = _waves(
            coarse,
            draws.uniform(-0.2, 1.2),
            draws.uniform(-0.2, 1.2),
            draws.uniform(),
            arms,
            draws.sign() * draws.uniform(0.3, 1.2),
            draws.uniform(0.03, 0.2),
            draws.uniform(0.5, 1.6),
        )
    _enlarge(field, out)
    return kind


def _sample_julia(draws: Draws, side: int) -> np.ndarray:
    # Just outside the Mandelbrot set's main cardioid or its period-2 disc: there the sets are rich, never solid.
    turn, push = draws.uniform(), draws.uniform(1.0, 1.06)
    if draws.chance(0.7):
        cx = push * (0.5 * cosine(turn) - 0.25 * cosine(2 * turn))
        cy = push * (0.5 * sine(turn) - 0.25 * sine(2 * turn))
    else:
        cx, cy = -1.0 + 0.25 * push * cosine(turn), 0.25 * push * sine(turn)
    zoom, tilt = draws.uniform(0.35, 1.3), draws.uniform()
    return _julia(
        side, cx, cy, draws.uniform(-0.6, 0.6), draws.uniform(-0.6, 0.6), zoom, tilt, draws.uniform(0.25, 0.6)
    )


@kernel(error_model="numpy")
def _enlarge(field: np.ndarray, out: np.ndarray) -> None:
    """Bilinear enlargement of a square field of turns, whose first and last values lie on the frame's edges.

    Whole turns are the same colour, so the way between two values is the shorter one: no seam where an angle wraps.
    """
    side, coarse = len(out), len(field)
    step, half = np.float32((coarse - 1.0) / side), np.float32(0.5)
    row, slope = np.empty(coarse, np.float32), np.zeros(coarse, np.float32)
    for y in range(side):
        v = step * (np.float32(y) + half)
        j = int(v)
        t = v - np.float32(j)
        first, second = field[j], field[j + 1]
        for i in range(coarse):
            way = second[i] - first[i]
            row[i] = first[i] + t * (way - np.floor(way + np.float32(0.5)))
        for i in range(coarse - 1):
            way = row[i + 1] - row[i]
            slope[i] = way - np.floor(way + np.float32(0.5))
        line = out[y]
        for x in range(side):
            u = step * (np.float32(x) + half)
            i = int(u)
            line[x] = row[i] + (u - np.float32(i)) * slope[i]


@kernel(error_model="numpy")
def _julia(side: int, cx: float, cy: float, mx: float, my: float, zoom: float, tilt: float, turns: float) -> np.ndarray:
    """Smooth escape times of z² + c around (mx, my), `zoom` half the frame's width: `turns` for each doubling."""
    out = np.empty((side, side), np.float32)
    c, s = zoom * cosine(tilt), zoom * sine(tilt)
    for j in range(side):
        v = 2.0 * j / (side - 1) - 1.0
        for i in range(side):
            u = 2.0 * i / (side - 1) - 1.0
            x, y = mx + c * u - s * v, my + s * u + c * v
            near = 1e9
            steps, size = 0, x * x + y * y
            while steps < 48 and size < 64.0:
                x, y = x * x - y * y + cx, 2.0 * x * y + cy
                size = x * x + y * y
                near = min(near, size)
                steps += 1
            if size >= 64.0:
                # Smooth: the fraction of a step by which |z| has passed the bound.
                out[j, i] = np.float32(turns * log2(steps + 2.0 - log2(log2(size) / 6.0)))
            else:
                out[j, i] = np.float32(turns * log2(50.0) + np.sqrt(near))
    return out


@kernel(error_model="numpy")
def _noise(grid: np.ndarray, x: float, y: float) -> float:
    """Value noise, eased between the points of a periodic lattice of random values."""
    fx, fy = np.floor(x), np.floor(y)
    u, v = x - fx, y - fy
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    i, j = int(fx) & 63, int(fy) & 63
    k, m = (i + 1) & 63, (j + 1) & 63
    top = grid[j, i] + u * (grid[j, k] - grid[j, i])
    bottom = grid[m, i] + u * (grid[m, k] - grid[m, i])
    return top + v * (bottom - top)


@kernel(error_model="numpy")
def _octaves(grid: np.ndarray, x: float, y: float, fall: float) -> float:
    total, weight, whole = 0.0, 1.0, 0.0
    for _ in range(4):
        total += weight * _noise(grid, x, y)
        whole += weight
        weight *= fall
        x, y = 1.97 * x + 11.3, 1.97 * y + 5.7
    return total / whole


@kernel(error_model="numpy")
def _warped_noise(side: int, cells: float, bend: float, turns: float, fall: float, seed: np.uint64) -> np.ndarray:
    """Fractal noise whose places are shifted by other fractal noise: marble and silk."""
    state = np.array([seed], np.uint64)
    grid = np.empty((64, 64), np.float64)
    for j in range(64):
        for i in range(64):
            grid[j, i] = next_uniform(state)
    out = np.empty((side, side), np.float32)
    for j in range(side):
        for i in range(side):
            x, y = cells * i / (side - 1), cells * j / (side - 1)
            u = _octaves(grid, x + 17.1, y + 31.7, fall)
            v = _octaves(grid, x + 41.9, y + 3.3, fall)
            out[j, i] = np.float32(
                turns * _octaves(grid, x + 4.0 * bend * (u - 0.5), y + 4.0 * bend * (v - 0.5), fall) + u
            )
    return out


@kernel(error_model="numpy")
def _plasma(side: int, fall: float, turns: float, seed: np.uint64) -> np.ndarray:
    """Diamond-square on a torus of at least `side` cells; `fall` is what the displacement shrinks by per halving.

    The whole torus is the frame, whatever its cells: more of them add detail and move nothing.
    """
    size = 1
    while size < side:
        size *= 2
    state = np.array([seed], np.uint64)
    grid = np.zeros((size, size), np.float64)
    step, swing = size, 1.0
    while step > 1:
        half = step // 2
        for j in range(half, size, step):
            for i in range(half, size, step):
                corners = grid[j - half, i - half] + grid[j - half, (i + half) % size]
                corners += grid[(j + half) % size, i - half] + grid[(j + half) % size, (i + half) % size]
                grid[j, i] = 0.25 * corners + swing * (next_uniform(state) - 0.5)
        for j in range(0, size, half):
            for i in range(half if j % step == 0 else 0, size, step):
                around = grid[j - half, i] + grid[(j + half) % size, i] + grid[j, i - half] + grid[j, (i + half) % size]
                grid[j, i] = 0.25 * around + swing * (next_uniform(state) - 0.5)
        step, swing = half, swing * fall
    out = np.empty((size + 1, size + 1), np.float32)
    for j in range(size + 1):
        for i in range(size + 1):
            out[j, i] = np.float32(turns * grid[j % size, i % size] + 1.0)
    return out


@kernel(error_model="numpy")
def _waves(
    side: int, mx: float, my: float, tilt: float, arms: float, pull: float, swing: float, beat: float
) -> np.ndarray:
    """A logarithmic spiral of `arms` arms around (mx, my), or without arms a straight gradient, bent by sine waves."""
    out = np.empty((side, side), np.float32)
    c, s = cosine(tilt), sine(tilt)
    for j in range(side):
        for i in range(side):
            x, y = i / (side - 1) - mx, j / (side - 1) - my
            u, v = c * x - s * y, s * x + c * y
            spiral = arms * angle(v, u) + pull * log2(u * u + v * v + 1e-4)
            index = spiral if arms > 0.0 else pull * u
            out[j, i] = np.float32(index + swing * sine(beat * v + 0.2 * sine(1.7 * beat * u)) + 4.0)
    return out
