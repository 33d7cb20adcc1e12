"""Iterated function systems, sampled by their singular values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixset._common.elementary import cosine, sine

from .._drawing.rng import Draws

STEEPEST = 0.97
"""The largest singular value allowed: below 1, so that every system contracts and its attractor is bounded."""

FLOOR = 0.02
"""The least share of the points a map gets, whatever its determinant: near-singular maps draw the thin filaments."""


@dataclass(frozen=True)
class System:
    """An iterated function system with its weights and colours.

    maps: (n, 6) float64, rows (a, b, c, d, e, f): x' = ax + by + e, y' = cx + dy + f.
    weights: (n,) float64, the share of points of each map, sum 1.
    colours: (n,) float64 in [0, 1), the colour coordinate that each map pulls towards.
    """

    maps: np.ndarray
    weights: np.ndarray
    colours: np.ndarray

    @property
    def area(self) -> float:
        """The sum of |det|: about 1 where the maps' images tile the attractor, far below where they leave it empty."""
        return sum(abs(a * d - b * c) for a, b, c, d, _, _ in self.maps.tolist())


def sample_system(draws: Draws, count: int, *, sigma: tuple[float, float] | None = None) -> System:
    """A system of `count` maps A = R(θ) diag(σ₁, σ₂) R(φ) D, with D random signs and shifts uniform in [-1, 1).

    The σ-factor Σ(σ₁ + 2σ₂) is uniform in `sigma`, by default ((5 + n) / 2, (6 + n) / 2), the range in which
    Anderson and Farrell (WACV 2022) found well-shaped attractors. It is met exactly, without rejection.
    """
    low, high = sigma or ((5 + count) / 2, (6 + count) / 2)
    top = 3.0 * STEEPEST * count
    values = singular_values(draws, count, draws.uniform(min(low, top), min(high, top)))
    maps = np.array([_map(draws, *pair) for pair in values])
    shares = [max(first * second, 1e-9) for first, second in values]
    return System(maps, weights_from(shares), _colours(draws, count))


def singular_values(draws: Draws, count: int, factor: float) -> list[tuple[float, float]]:
    """`count` pairs σ₁ >= σ₂ >= 0, none above STEEPEST, with Σ(σ₁ + 2σ₂) = `factor`.

    Each pair's part of the factor is drawn between what the others leave over and what they can still take.
    """
    most = 3.0 * STEEPEST
    left, pairs = factor, []
    for others in range(count - 1, -1, -1):
        part = draws.uniform(max(0.0, left - others * most), min(most, left)) if others else left
        part = min(max(part, 0.0), most)
        first = draws.uniform(part / 3.0, min(STEEPEST, part))
        pairs.append((first, (part - first) / 2.0))
        left -= part
    return draws.shuffled(pairs)


def weights_from(areas: list[float]) -> np.ndarray:
    """Shares in proportion to |det|, none under FLOOR, as (n,) float64 of sum 1."""
    total = sum(areas)
    raised = [max(area / total, FLOOR) for area in areas]
    total = sum(raised)
    return np.array([share / total for share in raised])


def _map(draws: Draws, first: float, second: float) -> tuple[float, ...]:
    theta, phi = draws.uniform(), draws.uniform()
    c, s, u, v = cosine(theta), sine(theta), cosine(phi), sine(phi)
    p, q = draws.sign(), draws.sign()
    return (
        (c * first * u - s * second * v) * p,
        (-c * first * v - s * second * u) * q,
        (s * first * u + c * second * v) * p,
        (-s * first * v + c * second * u) * q,
        draws.uniform(-1.0, 1.0),
        draws.uniform(-1.0, 1.0),
    )


def _colours(draws: Draws, count: int) -> np.ndarray:
    """Colour coordinates spread over [0, 1): one in each of `count` equal parts, in random order."""
    return np.array([(index + draws.uniform()) / count for index in draws.shuffled(range(count))])
