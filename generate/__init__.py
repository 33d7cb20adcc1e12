"""mixset.generate: the makers of mixing sets, and the job that turns a recipe into shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixset.lazy import lazy_exports

if TYPE_CHECKING:
    from .defaults import default_set
    from .fractals.recipe import FractalRecipe
    from .fvis.recipe import FVisRecipe
    from .job import make
    from .procedural.recipes import DeadLeavesRecipe, JuliaRecipe, PlasmaRecipe, SpectrumRecipe

_HOMES = {
    "DeadLeavesRecipe": "procedural.recipes",
    "FVisRecipe": "fvis.recipe",
    "FractalRecipe": "fractals.recipe",
    "JuliaRecipe": "procedural.recipes",
    "PlasmaRecipe": "procedural.recipes",
    "SpectrumRecipe": "procedural.recipes",
    "default_set": "defaults",
    "make": "job",
}
__all__ = [
    "DeadLeavesRecipe",
    "FVisRecipe",
    "FractalRecipe",
    "JuliaRecipe",
    "PlasmaRecipe",
    "SpectrumRecipe",
    "default_set",
    "make",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
