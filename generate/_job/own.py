"""Families that live outside this package: recipes that draw their own images, registered or named by the user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np

from mixset._common import named
from mixset._common.errors import InputError
from mixset._store.shard_format import plain_name

from .._drawing.rng import image_seed
from .families import FAMILIES, Family, family
from .recipe import SetRecipe

R = TypeVar("R", bound=type[SetRecipe])


def register_family(recipe: R) -> R:
    """Class decorator that makes a recipe a family, for `make` and whatever else knows families by name.

    The class is a frozen dataclass and a subclass of `SetRecipe` with `family`, the family's name, and a method
    `draw(random)`: a NumPy generator in, seeded for the image, and an image (S, S, 3) uint8 of `self.size` out, a
    function of the recipe and the generator alone. The first line of its docstring says what the images are.

    Raises:
        InputError: it is no such class, or its name is another family's.
    """
    where = f"family {getattr(recipe, '__name__', recipe)}"
    if not (isinstance(recipe, type) and issubclass(recipe, SetRecipe) and hasattr(recipe, "draw")):
        raise InputError(f"{where}: is no subclass of mixset.generate.SetRecipe with a method draw")
    try:
        name = plain_name(getattr(recipe, "family", None))
    except ValueError as error:
        raise InputError(f"{where}: {error}; its attribute family says how it is called") from None
    known = FAMILIES.get(name)
    if known is not None and not named.same_code(known.recipe, recipe):
        raise InputError(f"{where}: there is a family {name}; take another name")
    FAMILIES[name] = Family(named.first_line(recipe), recipe, draw_all)
    return recipe


def find_family(name: str) -> Family:
    """As `family`, for a name that the user typed: `module:CLASS` and `FILE.py:CLASS` lead to a recipe.

    Raises:
        InputError: there is no such family or code, or the code is no family's recipe.
    """
    if named.names_code(name):
        return FAMILIES[register_family(named.find("family", name)).family]
    return family(name)


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
