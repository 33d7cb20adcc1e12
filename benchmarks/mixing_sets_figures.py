"""What the benchmark knows of a mixing set's images, and how well that predicts what training with them measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from mixset import MixingPool, MixingSet
from mixset._store.statistics import SAMPLE, coarseness, medians, spread

FIGURES = {
    "energy": "pixel energy",
    "neighbours": "neighbours",
    "coarse_share": "coarse",
    "contrast": "contrast",
    "flat_tiles": "flat tiles",
    "bits_per_pixel": "bits/pixel",
    "colour_entropy": "colour bits",
}
"""Headings by name: those of `mixset info --stats`, and the trial's."""
SHUFFLES = 10_000
CHANCE = 0.05


def figures(images: MixingSet, side: int = 32) -> dict[str, float]:
    """Medians over 500 images of a set.

    They are of the pool's images, which training at `side` pixels mixes in; but for `coarse_share`, which says how
    much of the contrast scaling has left, and is of the images as the set has them. Of so few pixels a JPEG's header is
    most of `bits_per_pixel`: sets can be compared by it with each other, not with photographs of 256 pixels.
    """
    pool = MixingPool(images, side, quiet=True).images
    found = medians(pool)._asdict()
    found["coarse_share"] = float(np.median([coarseness(image)[0] for image in spread(images, SAMPLE)]))
    found["energy"] = float(np.median([energy(image) for image in spread(pool, SAMPLE)]))
    return {name: round(found[name], 4) for name in FIGURES}


def energy(image: np.ndarray) -> float:
    """How much an image (H, W, 3) uint8 has at the scale of pixels: mean |4 p - its neighbours| / 4 of the grey one.

    In steps of 0 to 255: 0 of one colour, 255 of a chessboard whose fields are pixels.
    """
    grey = image.astype(np.float64).mean(axis=2)
    beside = grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return float(np.abs(grey[1:-1, 1:-1] - beside / 4).mean())


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation of a statistic with a column over sets."""

    rho: float
    chance: float
    """Share of shuffles whose correlation is as strong: the p-value of this one, taken alone."""


@dataclass(frozen=True)
class Correlations:
    """All statistics with all columns, and what chance does over as many sets."""

    sets: int
    found: Mapping[tuple[str, str], Correlation]
    """By statistic and column; where all sets are alike in one of them there is none."""
    alone: float
    """The strength that 5 % of the shuffles of one correlation exceed."""
    strongest: float
    """The strength that the strongest of all correlations exceeds in 5 % of the shuffles."""


def correlate(
    figures: Mapping[str, Mapping[str, float]], columns: Mapping[str, Mapping[str, float]], *, seed: int = 0
) -> Correlations | None:
    """Correlate statistics with columns, over the sets that have all of both; None of fewer than four sets.

    A shuffle gives each set the statistics of another one, all of them together, so that it keeps how statistics hang
    together and how columns do.

    Args:
        figures: set -> statistic -> value.
        columns: set -> column -> mean over seeds.
    """
    wanted = list(dict.fromkeys(name for of in columns.values() for name in of))
    sets = [name for name in columns if name in figures and columns[name].keys() >= {*wanted}]
    if len(sets) < 4:
        return None
    known, left = _ranks(sets, figures, list(FIGURES))
    shown, right = _ranks(sets, columns, wanted)
    if not known or not shown:
        return None
    rho = left.T @ right
    random = np.random.default_rng(seed)
    shuffled = np.stack([left[random.permutation(len(sets))].T @ right for _ in range(SHUFFLES)])
    strength = np.abs(shuffled)
    # Of the order as it is, too, so that no chance is 0; the allowance is for rounding.
    chance = (1 + (strength >= np.abs(rho) - 1e-9).sum(axis=0)) / (1 + SHUFFLES)
    found = {
        (name, column): Correlation(float(rho[i, j]), float(chance[i, j]))
        for i, name in enumerate(known)
        for j, column in enumerate(shown)
    }
    alone = np.quantile(strength, 1 - CHANCE)
    return Correlations(len(sets), found, float(alone), float(np.quantile(strength.max(axis=(1, 2)), 1 - CHANCE)))


def _ranks(
    sets: Sequence[str], values: Mapping[str, Mapping[str, float]], names: Sequence[str]
) -> tuple[list[str], np.ndarray]:
    """The names whose values differ, and their ranks as columns of mean 0 and length 1."""
    varied = [name for name in names if len({values[one][name] for one in sets}) > 1]
    if not varied:
        return [], np.empty((len(sets), 0))
    ranks = rankdata([[values[one][name] for name in varied] for one in sets], axis=0)
    ranks = ranks - ranks.mean(axis=0)
    return varied, ranks / np.linalg.norm(ranks, axis=0)
