"""Images drawn again until their figures are within bounds, as fractals and the procedural families are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from .filters import Filter, figures
from .rng import image_seed

ATTEMPTS = 8
"""An image is drawn at most this often; the last draw is kept whatever its figures."""

Draw = Callable[[str, int, int, int], tuple[np.ndarray, dict[str, Any]]]
"""(style, size, image seed, attempt) → one unfiltered draw (S, S, 3) uint8 and a summary of it."""


class StyledRecipe(Protocol):
    """What a recipe of such a family has."""

    @property
    def seed(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def style(self) -> str: ...


def render(recipe: StyledRecipe, index: int, draw: Draw, bounds: Filter) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Image `index` of a recipe: the first draw that `bounds` do not refuse.

    Returns:
        The image (S, S, 3) uint8, its own 64-bit seed, and the params from which it can be made again.
    """
    seed = image_seed(recipe.seed, index)
    refused: list[str] = []
    for attempt in range(ATTEMPTS):
        image, summary = draw(recipe.style, recipe.size, seed, attempt)
        reason = bounds.refuses(figures(image))
        if reason is None:
            break
        refused.append(reason)
    params = {"style": recipe.style, "size": recipe.size, "index": index, "attempt": attempt, "refused": refused}
    return image, seed, params | summary
