"""Flames: systems with nonlinear variations, run as a chaos game of a whole population of points.

Nonlinear maps do not compose, so the expansion of `kernels` is not open to them. Instead of one chain that draws a map
for each point (a draw, a mispredicted branch and a chain of latencies each), 1,024 points move at once: each round
deals them anew to the maps, in proportion to the weights, and every map runs over its share without a branch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixset._common.elementary import angle, cosine, sine
from mixset._common.kernels import kernel

from .._drawing.rng import Draws, next_word
from .systems import System, sample_system

VARIATIONS = (
    "linear",
    "sinusoidal",
    "spherical",
    "swirl",
    "horseshoe",
    "polar",
    "disc",
    "julia",
    "bubble",
    "eyefish",
    "hyperbolic",
    "diamond",
    "bent",
)
"""Draves and Reckase's names (The Fractal Flame Algorithm, 2003); the kernel switches on the place in this tuple."""

POPULATION = 1024
_TINY = 1e-10
_PER_TURN = 1.0 / 6.283185307179586
_FAR = 1e4
_WARM = 20


@dataclass(frozen=True)
class Flame:
    """A system whose maps are followed by variations.

    system: the affine maps. variations: (n,) int64, places in VARIATIONS. blends: (n,) float64, the variation's part
    beside the affine map's own point.
    """

    system: System
    variations: np.ndarray
    blends: np.ndarray

    @property
    def fields(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What `play` takes of it."""
        return self.system.maps, self.system.weights, self.system.colours, self.variations, self.blends


def sample_flame(draws: Draws) -> Flame:
    """A flame of 2 to 4 maps, most with a variation at full strength.

    The σ-factor is higher than for affine systems: many variations contract strongly themselves, and little maps leave
    dust.
    """
    count = draws.whole(2, 4)
    system = sample_system(draws, count, sigma=(1.9 * count, 2.6 * count))
    variations = [draws.whole(0 if draws.chance(0.15) else 1, len(VARIATIONS) - 1) for _ in range(count)]
    # Shares of the same order: the affine determinants say little about what the variations do to areas.
    shares = [draws.uniform(0.5, 1.5) for _ in range(count)]
    return Flame(
        System(system.maps, np.array([share / sum(shares) for share in shares]), system.colours),
        np.array(variations, np.int64),
        np.array([1.0 if draws.chance(0.6) else draws.uniform(0.4, 0.95) for _ in range(count)]),
    )


@kernel(error_model="numpy")
def vary(kind: int, x: np.ndarray, y: np.ndarray, blend: float, salt: np.int64) -> None:
    """Apply one variation in place to points x, y (k,) float64; `salt` seeds the coins of the two-branched ones.

    One loop for each kind, so that each is free of branches and is vectorised.
    """
    if kind == 1:
        for j in range(len(x)):
            u, v = x[j], y[j]
            p, q = sine(u * _PER_TURN), sine(v * _PER_TURN)
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 2:
        for j in range(len(x)):
            u, v = x[j], y[j]
            square = u * u + v * v + _TINY
            p, q = u / square, v / square
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 3:
        for j in range(len(x)):
            u, v = x[j], y[j]
            square = (u * u + v * v) * _PER_TURN
            s, c = sine(square), cosine(square)
            p, q = u * s - v * c, u * c + v * s
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 4:
        for j in range(len(x)):
            u, v = x[j], y[j]
            radius = np.sqrt(u * u + v * v + _TINY)
            p, q = (u - v) * (u + v) / radius, 2.0 * u * v / radius
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 5:
        for j in range(len(x)):
            u, v = x[j], y[j]
            p, q = 2.0 * angle(u, v), np.sqrt(u * u + v * v) - 1.0
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 6:
        for j in range(len(x)):
            u, v = x[j], y[j]
            turn, radius = 2.0 * angle(u, v), 0.5 * np.sqrt(u * u + v * v)
            p, q = turn * sine(radius), turn * cosine(radius)
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 7:
        for j in range(len(x)):
            u, v = x[j], y[j]
            # The square root of u + iv on either branch, without an angle.
            radius = np.sqrt(u * u + v * v)
            side = 1.0 - 2.0 * np.float64(((j * 40503 + salt) >> 9) & 1)
            p, q = side * np.sqrt(0.5 * max(radius + u, 0.0)), side * np.sqrt(0.5 * max(radius - u, 0.0))
            q = -q if v < 0.0 else q
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 8:
        for j in range(len(x)):
            u, v = x[j], y[j]
            square = 4.0 / (u * u + v * v + 4.0)
            p, q = u * square, v * square
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 9:
        for j in range(len(x)):
            u, v = x[j], y[j]
            radius = 2.0 / (np.sqrt(u * u + v * v) + 1.0)
            p, q = u * radius, v * radius
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 10:
        for j in range(len(x)):
            u, v = x[j], y[j]
            p, q = u / (u * u + v * v + _TINY), v
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 11:
        for j in range(len(x)):
            u, v = x[j], y[j]
            turn, radius = angle(u, v), np.sqrt(u * u + v * v) * _PER_TURN
            p, q = sine(turn) * cosine(radius), cosine(turn) * sine(radius)
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)
    elif kind == 12:
        for j in range(len(x)):
            u, v = x[j], y[j]
            p, q = 2.0 * u if u < 0.0 else u, 0.5 * v if v < 0.0 else v
            x[j], y[j] = u + blend * (p - u), v + blend * (q - v)


@kernel(error_model="numpy")
def _round(
    old: np.ndarray,
    new: np.ndarray,
    maps: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
    kinds: np.ndarray,
    blends: np.ndarray,
    state: np.ndarray,
    carry: float,
) -> float:
    """Move the population `old` (3, POPULATION) float64 (x, y, colour) on into `new`; returns the carry.

    Place j takes its point from place (stride · j + start) mod POPULATION with an odd random stride: a permutation, so
    no point is lost or doubled, and the maps' shares are dealt anew each round.
    """
    word = next_word(state)
    stride = np.int64(word & np.uint64(POPULATION - 1)) | 1
    start = np.int64((word >> np.uint64(12)) & np.uint64(POPULATION - 1))
    salt = np.int64(word >> np.uint64(40))
    first, edge = 0, carry
    for i in range(len(maps)):
        edge += weights[i] * POPULATION
        last = POPULATION if i == len(maps) - 1 else min(int(edge), POPULATION)
        a, b, c, d, e, f = maps[i, 0], maps[i, 1], maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
        half = 0.5 * colours[i]
        for j in range(first, last):
            k = (stride * j + start) & (POPULATION - 1)
            x, y = old[0, k], old[1, k]
            new[0, j], new[1, j] = a * x + b * y + e, c * x + d * y + f
            new[2, j] = 0.5 * old[2, k] + half
        xs, ys = new[0, first:last], new[1, first:last]
        vary(kinds[i], xs, ys, blends[i], salt)
        for j in range(len(xs)):
            # A point that flies off, or is not a number, starts again near the origin.
            lost = not (abs(xs[j]) < _FAR and abs(ys[j]) < _FAR)
            xs[j] = 0.1 if lost else xs[j]
            ys[j] = 0.2 if lost else ys[j]
        first = last
    carry += 0.6180339887498949
    return carry - 1.0 if carry >= 1.0 else carry


@kernel(error_model="numpy")
def play(
    grid: np.ndarray,
    maps: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
    kinds: np.ndarray,
    blends: np.ndarray,
    roots: np.ndarray,
    seed: np.uint64,
    rounds: int,
) -> np.ndarray:
    """Add `rounds` · POPULATION points of a flame's measure to a grid of pixels; returns the last population.

    Args:
        grid: (S + 2, S + 2) uint64 as in `kernels.paint`.
        roots: (r, 6) float64 maps from the flame's to pixel coordinates, one for each copy; rounds are dealt to them
            in turn.
    Returns:
        (3, POPULATION) float64: x, y and colour. With `rounds` = 0 nothing is painted: a sample of the flame.
    """
    state = np.array([seed], np.uint64)
    side = grid.shape[1]
    flat = grid.ravel()
    top = np.float64(side - 1)
    old, new = np.empty((3, POPULATION), np.float64), np.empty((3, POPULATION), np.float64)
    indices, tints = np.empty(POPULATION, np.int32), np.empty(POPULATION, np.uint32)
    for j in range(POPULATION):
        word = next_word(state)
        old[0, j] = np.float64(word & np.uint64(0xFFFFFF)) * 2.0**-23 - 1.0
        old[1, j] = np.float64(word >> np.uint64(40)) * 2.0**-23 - 1.0
        old[2, j] = 0.5
    carry, root = 0.0, 0
    for n in range(-_WARM, rounds):
        carry = _round(old, new, maps, weights, colours, kinds, blends, state, carry)
        old, new = new, old
        if n < 0:
            continue
        a, b, c, d = roots[root, 0], roots[root, 1], roots[root, 2], roots[root, 3]
        e, f = roots[root, 4] + 1.0, roots[root, 5] + 1.0
        xs, ys, cs = old[0], old[1], old[2]
        for j in range(POPULATION):
            px = min(max(a * xs[j] + b * ys[j] + e, 0.0), top)
            py = min(max(c * xs[j] + d * ys[j] + f, 0.0), top)
            indices[j] = np.int32(py) * np.int32(side) + np.int32(px)
            tints[j] = np.uint32(cs[j] * 65535.0)
        for j in range(POPULATION):
            flat[indices[j]] += np.uint64(1 << 40) + np.uint64(tints[j])
        root = root + 1 if root + 1 < len(roots) else 0
    return old
