"""The images of recipes that draw their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from mixset._common import named
from mixset._common.errors import InputError

from .._drawing.rng import image_seed
from .recipe import SetRecipe


def draw_all(recipe: SetRecipe, indices: Iterable[int]) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """The images of a recipe that draws its own, each with its seed and params."""
    draw = recipe.draw  # type: ignore[attr-defined]  # register_family has seen it
    for index in indices:
        seed = image_seed(recipe.seed, index)
        random = np.random.Generator(np.random.Philox(seed))
        image = named.call("family", recipe.family, draw, random)
        shape = (*recipe.shape, 3)
        if not isinstance(image, np.ndarray) or image.shape != shape or image.dtype != np.uint8:
            drawn = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise InputError(f"family {recipe.family}: draws {drawn}; an array {shape} of uint8 is needed")
        yield image, seed, {"index": index}
