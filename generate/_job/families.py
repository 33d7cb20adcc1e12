"""Which families of images can be made, by name."""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

from mixset._common.errors import InputError

if TYPE_CHECKING:
    import numpy as np


class Recipe(Protocol):
    """What a family's recipe must have: a frozen dataclass, picklable, content a function of all but `count`."""

    family: ClassVar[str]

    @property
    def count(self) -> int: ...

    @property
    def shape(self) -> tuple[int, int]: ...

    def resolved(self) -> Recipe: ...

    def foreign(self) -> str | None: ...

    def trusted(self) -> Recipe: ...

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> Recipe: ...


Render = Callable[..., "Iterator[tuple[np.ndarray, int, dict[str, Any]]]"]
"""(recipe, range of indices) → for each its image (H, W, 3) uint8, its seed, the params that make it again. A family
that works on a device takes its name as a third argument: `cpu`, `cuda:1`."""


class Family(NamedTuple):
    """A family's two halves; this package's own as `module:name`, so that a command's help loads neither."""

    summary: str
    """What its images are, in a few words."""
    recipe: str | type
    render: str | Render
    draw: str | None = None
    """How a family that a formula draws makes one draw of an image, at any shape; see `_drawing.redraws.Draw`."""
    near_cbar: bool = False
    """Whether its images resemble corruptions of C̄ (plasma noise, concentric and plane waves), as tables of C̄ say."""
    on_device: bool = False
    """Whether `render` takes a device."""
    shard: int = 256
    """Images in a shard (the last of a set may hold fewer): what a kill may lose, against how many files to open."""


FAMILIES: dict[str, Family] = {
    "fractals": Family(
        "fractals of iterated function systems, layered and zoomed",
        "mixset.generate._fractals.recipe:FractalRecipe",
        "mixset.generate._fractals.rendering:FORMULA.render_all",
        "mixset.generate._fractals.rendering:FORMULA.draw",
    ),
    "fvis": Family(
        "feature visualisations of a network's units",
        "mixset.generate._fvis.recipe:FVisRecipe",
        "mixset.generate._fvis.rendering:render_all",
        on_device=True,
        shard=64,
    ),
    "deadleaves": Family(
        "shapes of all sizes that hide one another",
        "mixset.generate._procedural.recipes:DeadLeavesRecipe",
        "mixset.generate._procedural.deadleaves:FORMULA.render_all",
        "mixset.generate._procedural.deadleaves:FORMULA.draw",
    ),
    "spectrum": Family(
        "random phases under the falling spectra of photographs",
        "mixset.generate._procedural.recipes:SpectrumRecipe",
        "mixset.generate._procedural.spectrum:FORMULA.render_all",
        "mixset.generate._procedural.spectrum:FORMULA.draw",
    ),
    "julia": Family(
        "escape times of complex formulas: Julia, Mandelbrot, Newton",
        "mixset.generate._procedural.recipes:JuliaRecipe",
        "mixset.generate._procedural.julia:FORMULA.render_all",
        "mixset.generate._procedural.julia:FORMULA.draw",
    ),
    "plasma": Family(
        "warped noise of many octaves: clouds, marble, ridges",
        "mixset.generate._procedural.recipes:PlasmaRecipe",
        "mixset.generate._procedural.plasma:FORMULA.render_all",
        "mixset.generate._procedural.plasma:FORMULA.draw",
        near_cbar=True,
    ),
    "programs": Family(
        "random programs, another one for each image",
        "mixset.generate._procedural.recipes:ProgramsRecipe",
        "mixset.generate._programs.programs:FORMULA.render_all",
        "mixset.generate._programs.programs:FORMULA.draw",
    ),
    "moire": Family(
        "gratings laid over one another, and their beats",
        "mixset.generate._procedural.recipes:MoireRecipe",
        "mixset.generate._procedural.moire:FORMULA.render_all",
        "mixset.generate._procedural.moire:FORMULA.draw",
        near_cbar=True,
    ),
    "visualatom": Family(
        "wavy orbits around centres, as regions and as lines",
        "mixset.generate._procedural.recipes:VisualAtomRecipe",
        "mixset.generate._procedural.visualatom:FORMULA.render_all",
        "mixset.generate._procedural.visualatom:FORMULA.draw",
        near_cbar=True,
    ),
}


def family(name: str) -> Family:
    """The family called `name`; InputError with the known ones where there is none."""
    if name not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise InputError(
            f"family {name!r} is unknown; known ones are {known}; name or import the code of one of your own"
        )
    return FAMILIES[name]


def load(path: Any) -> Any:
    """What `module:name` or `module:FORMULA.name` of this package names; a half that is here already as it is."""
    if not isinstance(path, str):
        return path
    module, name = path.split(":")
    return operator.attrgetter(name)(importlib.import_module(module))
