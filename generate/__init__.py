"""mixset.generate: the makers of mixing sets, and the job that turns a recipe into shards."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .defaults import default_set
    from .job import make
    from .recipe import FractalRecipe

# Names are looked up on first use (PEP 562). No submodule may bear one of them: importing it would hide the function.
_HOMES = {"FractalRecipe": "recipe", "default_set": "defaults", "make": "job"}
__all__ = ["FractalRecipe", "default_set", "make"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
