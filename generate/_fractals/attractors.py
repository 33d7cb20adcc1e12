"""Strange attractors of maps of the plane, run as the flames are: a whole population of points at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.elementary import cosine, sine
from mixset._common.kernels import kernel

from .._drawing import single
from .._drawing.rng import Draws, next_word
from .flames import POPULATION

ATTRACTORS = ("clifford", "de jong", "svensson", "icon", "mira")
"""Pickover's Clifford attractors, de Jong's and Svensson's, Field and Golubitsky's symmetric icons (1992), Gumowski and
Mira's (1980); the kernel switches on the index in this tuple."""

LEAST_CELLS = 225
"""Of 32 × 32 cells, how many a sample of a good attractor reaches: less is a loop, or a few points."""

_PER_TURN = np.float32(1 / 6.283185307179586)
_FAR = np.float32(1e3)
_WARM = 100
_TRIES = 12


class Attractor(NamedTuple):
    """kind: index in ATTRACTORS. numbers: (6,) float32 of its formula. tint: whether points take their colour from the
    length of their step (0), their distance from the middle (1) or the direction of their step (2)."""

    kind: int
    numbers: np.ndarray
    tint: int


def sample_attractor(draws: Draws) -> Attractor:
    """An attractor of any kind, from ranges in which many are chaotic."""
    kind = draws.whole(0, len(ATTRACTORS) - 1)
    if kind == 0:
        numbers = [draws.sign() * draws.uniform(1.2, 2.2) for _ in range(2)]
        numbers += [draws.sign() * draws.uniform(0.3, 1.6) for _ in range(2)]
    elif kind in (1, 2):
        numbers = [draws.sign() * draws.uniform(0.8, 3.0) for _ in range(4)]
    elif kind == 3:
        side = draws.sign()
        numbers = [side * draws.uniform(1.3, 2.7), -side * draws.uniform(0.8, 2.5)]
        numbers += [draws.uniform(-1.0, 1.0), draws.uniform(-1.0, 1.0), draws.uniform(-0.2, 0.2)]
        numbers += [float(draws.whole(3, 9))]
    else:
        numbers = [draws.uniform(-0.9, 0.5), draws.uniform(0.98, 1.0), draws.uniform(0.0, 0.01)]
    return Attractor(kind, np.array([*numbers, *[0.0] * (6 - len(numbers))], np.float32), draws.whole(0, 2))


@kernel(error_model="numpy")
def step(kind: int, n: np.ndarray, old: np.ndarray, new: np.ndarray) -> None:
    """Move all points of a population on: old and new (2, P) float32, x and y."""
    xs, ys, us, vs = old[0], old[1], new[0], new[1]
    a, b, c, d = n[0], n[1], n[2], n[3]
    p, q = a * _PER_TURN, b * _PER_TURN
    one, two = np.float32(1.0), np.float32(2.0)
    if kind == 0:
        for j in range(len(xs)):
            us[j] = single.sine(p * ys[j]) + c * single.cosine(p * xs[j])
            vs[j] = single.sine(q * xs[j]) + d * single.cosine(q * ys[j])
    elif kind == 1:
        r, s = c * _PER_TURN, d * _PER_TURN
        for j in range(len(xs)):
            us[j] = single.sine(p * ys[j]) - single.cosine(q * xs[j])
            vs[j] = single.sine(r * xs[j]) - single.cosine(s * ys[j])
    elif kind == 2:
        for j in range(len(xs)):
            us[j] = d * single.sine(p * xs[j]) - single.sine(q * ys[j])
            vs[j] = c * single.cosine(p * xs[j]) + single.cosine(q * ys[j])
    elif kind == 3:
        # (λ + α|z|² + β Re zⁿ + ωi) z + γ z̄ⁿ⁻¹
        for j in range(len(xs)):
            x, y = xs[j], ys[j]
            u, v = one, np.float32(0.0)
            for _ in range(np.int64(n[5]) - 1):
                u, v = u * x - v * y, u * y + v * x
            grow = a + b * (x * x + y * y) + c * (u * x - v * y)
            us[j], vs[j] = grow * x - n[4] * y + d * u, grow * y + n[4] * x - d * v
    else:
        for j in range(len(xs)):
            x = xs[j]
            us[j] = b * ys[j] + a * x + two * (one - a) * x * x / (one + x * x)
            after = us[j]
            vs[j] = a * after + two * (one - a) * after * after / (one + after * after) - x + c
    for j in range(len(xs)):
        # A point that flies off, or is not a number, starts again near the origin.
        lost = not (abs(us[j]) < _FAR and abs(vs[j]) < _FAR)
        us[j] = np.float32(0.1) if lost else us[j]
        vs[j] = np.float32(0.2) if lost else vs[j]


@kernel(error_model="numpy")
def _tints(kind: int, old: np.ndarray, new: np.ndarray, out: np.ndarray) -> None:
    one, half, most = np.float32(1.0), np.float32(0.5), np.float32(65535.0)
    for j in range(len(out)):
        du, dv = new[0, j] - old[0, j], new[1, j] - old[1, j]
        if kind == 0:
            length = np.sqrt(du * du + dv * dv)
            tint = length / (one + length)
        elif kind == 1:
            far = np.sqrt(new[0, j] * new[0, j] + new[1, j] * new[1, j])
            tint = far / (one + far)
        else:
            tint = half + single.angle(dv, du)
        out[j] = np.uint32(min(max(tint, np.float32(0.0)), one) * most)


@kernel(error_model="numpy")
def play_attractor(
    grid: np.ndarray, attractor: Attractor, roots: np.ndarray, seed: np.uint64, rounds: int
) -> np.ndarray:
    """Add `rounds` · POPULATION points of an attractor's measure to a grid of pixels; returns the last population.

    Args:
        grid: (S + 2, S + 2) uint64 as in `kernels.paint`.
        roots: (r, 6) float64 maps from the attractor's to pixel coordinates; rounds are dealt to them in turn.
    Returns:
        (2, POPULATION) float32: x and y. With `rounds` = 0 nothing is painted: a sample of the attractor.
    """
    state = np.array([seed], np.uint64)
    side = grid.shape[1]
    flat, top = grid.ravel(), np.float32(side - 1)
    old, new = np.empty((2, POPULATION), np.float32), np.empty((2, POPULATION), np.float32)
    indices, tints = np.empty(POPULATION, np.int32), np.empty(POPULATION, np.uint32)
    for j in range(POPULATION):
        word = next_word(state)
        old[0, j] = np.float32(np.float64(word & np.uint64(0xFFFFFF)) * 2.0**-24 - 0.5)
        old[1, j] = np.float32(np.float64(word >> np.uint64(40)) * 2.0**-24 - 0.5)
    root = 0
    for n in range(-_WARM, rounds):
        step(attractor.kind, attractor.numbers, old, new)
        old, new = new, old
        if n < 0:
            continue
        _tints(attractor.tint, new, old, tints)
        a, b, c, d = (
            np.float32(roots[root, 0]),
            np.float32(roots[root, 1]),
            np.float32(roots[root, 2]),
            np.float32(roots[root, 3]),
        )
        e, f = np.float32(roots[root, 4] + 1.0), np.float32(roots[root, 5] + 1.0)
        xs, ys = old[0], old[1]
        for j in range(POPULATION):
            px = min(max(a * xs[j] + b * ys[j] + e, np.float32(0.0)), top)
            py = min(max(c * xs[j] + d * ys[j] + f, np.float32(0.0)), top)
            indices[j] = np.int32(py) * np.int32(side) + np.int32(px)
        for j in range(POPULATION):
            flat[indices[j]] += np.uint64(1 << 40) + np.uint64(tints[j])
        root = root + 1 if root + 1 < len(roots) else 0
    return old


def place_attractor(draws: Draws, grid: np.ndarray, seed: np.uint64, deep: bool) -> tuple[Attractor, np.ndarray]:
    """An attractor, and the root (6,) float64, in frames, that shows it: all of it, or a part if it is a deep one.

    It is the first of a few whose sample reaches LEAST_CELLS of the cells of the square around it, else the fullest.
    """
    best: tuple[int, Attractor, np.ndarray] | None = None
    for _ in range(_TRIES):
        attractor = sample_attractor(draws)
        sample = play_attractor(grid, attractor, np.zeros((1, 6)), seed, 0).astype(np.float64)
        cells = _cells(sample)
        if best is None or cells > best[0]:
            best = cells, attractor, sample
        if cells >= LEAST_CELLS:
            break
    assert best is not None
    return best[1], _root(draws, best[2], deep)


def _middle(sample: np.ndarray) -> tuple[np.ndarray, float]:
    """The middle (2,) of the square around a sample but for its outermost points, and the side of that square."""
    ordered = np.sort(sample, axis=1)
    low, high = ordered[:, POPULATION // 32], ordered[:, -POPULATION // 32]
    return 0.5 * (low + high), max(float((high - low).max()), 1e-3)


def _cells(sample: np.ndarray) -> int:
    """How many of 32 × 32 cells of the square around a sample it reaches."""
    middle, side = _middle(sample)
    places = np.floor(32.0 * ((sample - middle[:, np.newaxis]) / side + 0.5))
    inside = ((places >= 0) & (places < 32)).all(axis=0)
    return len(np.unique(32 * places[1, inside] + places[0, inside]))


def _root(draws: Draws, sample: np.ndarray, deep: bool) -> np.ndarray:
    """(6,) float64: the map that turns a sample and fits its square, or a part of it, into the frame."""
    middle, side = _middle(sample)
    scale = draws.uniform(0.85, 1.3) / side
    if deep:
        scale *= draws.uniform(1.6, 3.2)
        middle = sample[:, draws.whole(0, POPULATION - 1)]
    turn = draws.uniform()
    c, s = scale * cosine(turn), scale * sine(turn)
    x, y = float(middle[0]), float(middle[1])
    return np.array([c, -s, s, c, 0.5 - c * x + s * y, 0.5 - s * x - c * y])
