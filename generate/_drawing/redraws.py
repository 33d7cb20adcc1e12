"""Images drawn by a formula, again until their figures are within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from .filters import Filter, figures
from .rng import image_seed

ATTEMPTS = 8
"""An image is drawn at most this often; the last draw is kept whatever its figures."""

Draw = Callable[[str, tuple[int, int], int, int], tuple[np.ndarray, dict[str, Any]]]
"""(style, (H, W), image seed, attempt) → one unfiltered draw (H, W, 3) uint8 and a summary of it.

It is drawn on the square of the longer side, in coordinates of that square, and the middle is kept: so it is the same
image at every size, and one that is not square is a part of one that is.
"""


class DrawnRecipe(Protocol):
    """What a recipe of such a family has."""

    @property
    def seed(self) -> int: ...

    @property
    def size(self) -> int | tuple[int, int]: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def style(self) -> str: ...


class Formula(NamedTuple):
    """A family drawn by a formula: how it is drawn once, and for each style what a draw must hold to be kept."""

    draw: Draw
    filters: Mapping[str, Filter]

    def render_all(
        self, recipe: DrawnRecipe, indices: Iterable[int]
    ) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
        """`render` for several images, one after another."""
        return (self.render(recipe, index) for index in indices)

    def render(self, recipe: DrawnRecipe, index: int) -> tuple[np.ndarray, int, dict[str, Any]]:
        """Image `index` of a recipe, a pure function of both: the first draw that the style's filter does not refuse.

        Returns:
            The image (H, W, 3) uint8, its own 64-bit seed, and the params from which it can be made again.
        """
        seed = image_seed(recipe.seed, index)
        bounds, refused = self.filters[recipe.style], []
        for attempt in range(ATTEMPTS):
            image, summary = self.draw(recipe.style, recipe.shape, seed, attempt)
            reason = bounds.refuses(figures(image), summary.get("ink", 1.0))
            if reason is None:
                break
            refused.append(reason)
        size = recipe.size if isinstance(recipe.size, int) else list(recipe.size)
        params = {"style": recipe.style, "size": size, "index": index, "attempt": attempt, "refused": refused}
        return image, seed, params | summary
