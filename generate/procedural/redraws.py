"""What the procedural families share: draws again until the figures of a picture are within bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..filters import Filter, figures
from ..rng import picture_seed
from .recipes import DeadLeavesRecipe, JuliaRecipe, PlasmaRecipe, SpectrumRecipe

ATTEMPTS = 8
"""A picture is drawn at most this often; the last draw is kept whatever its figures."""

Draw = Callable[[str, int, int, int], tuple[np.ndarray, dict[str, Any]]]
"""(style, size, picture seed, attempt) → one unfiltered draw (S, S, 3) uint8 and a summary of it."""


def render(
    recipe: DeadLeavesRecipe | SpectrumRecipe | JuliaRecipe | PlasmaRecipe, index: int, draw: Draw, bounds: Filter
) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Picture `index` of a recipe: the first draw that `bounds` do not refuse.

    Returns:
        The picture (S, S, 3) uint8, its own 64-bit seed, and the params from which it can be made again.
    """
    seed = picture_seed(recipe.seed, index)
    refused: list[str] = []
    for attempt in range(ATTEMPTS):
        picture, summary = draw(recipe.style, recipe.size, seed, attempt)
        reason = bounds.refuses(figures(picture))
        if reason is None:
            break
        refused.append(reason)
    params = {"style": recipe.style, "size": recipe.size, "index": index, "attempt": attempt, "refused": refused}
    return picture, seed, params | summary


def drawn_side(size: int) -> int:
    """The side a picture is drawn at: small ones at twice theirs, so that edges are smooth when four pixels average."""
    return 2 * size if size <= 128 else size


def spread(field: np.ndarray) -> tuple[float, float]:
    """The 2 % and 98 % of a field's values, over at most 4,096 of them."""
    # Sorted and picked, not np.quantile: how that one interpolates is not part of its contract.
    flat = field.ravel()
    ordered = np.sort(flat[:: max(flat.size // 4096, 1)])
    return float(ordered[ordered.size // 50]), float(ordered[-ordered.size // 50])
