"""What a fractal mixing set is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .._job.recipe import SetRecipe


@dataclass(frozen=True, kw_only=True)
class FractalRecipe(SetRecipe):
    """Fractals of iterated function systems; image i is a function of everything here but `count`.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "layered"
    """`layered` (2 to 4 zoomed layers on a ground), `single` (one system, seen whole, on a ground), `grey` (as
    FractalDB's: grey points or patches on black), `flame` (nonlinear maps) or `attractors` (2 to 4 strange attractors
    over one another)."""

    family: ClassVar[str] = "fractals"
    styles: ClassVar[tuple[str, ...]] = ("layered", "single", "grey", "flame", "attractors")
    content_version: ClassVar[int] = 2
