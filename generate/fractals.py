"""Fractal pictures: a recipe and an index in, one finished picture out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .recipe import FractalRecipe
from .rng import Draws, picture_seed


def render(recipe: FractalRecipe, index: int) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Picture `index` of a recipe: a pure function of the recipe (but its count) and the index.

    Returns:
        The picture (S, S, 3) uint8, its own 64-bit seed, and the params from which it can be made again.
    """
    seed = picture_seed(recipe.seed, index)
    draws = Draws(seed, 0)
    corners = np.array([[draws.whole(0, 255) for _ in range(3)] for _ in range(4)], np.int64)
    ramp = np.arange(recipe.size, dtype=np.int64)
    x, y = ramp[None, :, None], ramp[:, None, None]
    top = corners[0] * (recipe.size - x) + corners[1] * x
    bottom = corners[2] * (recipe.size - x) + corners[3] * x
    picture = (top * (recipe.size - y) + bottom * y) // recipe.size**2
    return picture.astype(np.uint8), seed, {"style": recipe.style, "size": recipe.size, "index": index, "attempt": 0}
