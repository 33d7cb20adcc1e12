"""Which families of pictures can be made, by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from mixset.errors import InputError

if TYPE_CHECKING:
    import numpy as np


class Recipe(Protocol):
    """What a family's recipe must have: a frozen dataclass, picklable, content a function of all but `count`."""

    family: ClassVar[str]

    @property
    def count(self) -> int: ...

    @property
    def size(self) -> int: ...

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> Recipe: ...


Render = Callable[[Any, int], "tuple[np.ndarray, int, dict[str, Any]]"]
"""(recipe, index) → picture (S, S, 3) uint8, its seed, the params that make it again."""


class Family(NamedTuple):
    """Where a family's two halves live, as `module:name`, so that a command's help loads neither."""

    recipe: str
    render: str


FAMILIES: dict[str, Family] = {
    "fractals": Family("mixset.generate.recipe:FractalRecipe", "mixset.generate.fractals:render"),
}


def family(name: str) -> Family:
    """The family called `name`; InputError with the known ones where there is none."""
    if name not in FAMILIES:
        raise InputError(f"family {name!r} is unknown; known ones are {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def load(path: str) -> Any:
    """What `module:name` names."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)
