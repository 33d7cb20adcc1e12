"""Families that live outside this package: recipes that draw their own images, registered or named by the user."""

from __future__ import annotations

from typing import TypeVar

from mixset._common import named
from mixset._common.errors import InputError
from mixset._common.plain_names import plain_name

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
    FAMILIES[name] = Family(named.first_line(recipe), recipe, "mixset.generate._job.own_drawing:draw_all")
    return recipe


def find_family(name: str) -> Family:
    """As `family`, for a name that the user typed: `module:CLASS` and `FILE.py:CLASS` lead to a recipe.

    Raises:
        InputError: there is no such family or code, or the code is no family's recipe.
    """
    if named.names_code(name):
        return FAMILIES[register_family(named.find("family", name)).family]
    return family(name)
