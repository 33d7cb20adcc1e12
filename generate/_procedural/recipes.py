"""What the mixing sets of the procedural families are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .._job.recipe import SetRecipe


@dataclass(frozen=True, kw_only=True)
class DeadLeavesRecipe(SetRecipe):
    """Dead leaves (Lee, Mumford and Huang, 2001): shapes of power-law sizes that hide one another.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "textured"
    """`textured` (many shapes, each with a texture), or flat in colour: `squares` (upright), `oriented` (turned
    squares), `shapes` (ellipses, rectangles, polygons, stars, flowers, crescents). The paper's set has `squares`."""

    family: ClassVar[str] = "deadleaves"
    styles: ClassVar[tuple[str, ...]] = ("textured", "squares", "oriented", "shapes")
    content_version: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class SpectrumRecipe(SetRecipe):
    """Random phases under the magnitudes `1 / (|u|^a + |v|^b)`; exponents are drawn per image (Baradad et al., 2021).

    Their variant with the marginal statistics of wavelets (WMM) is not made.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "colour"
    """`colour` (channels correlated as those of photographs) or `grey`."""

    family: ClassVar[str] = "spectrum"
    styles: ClassVar[tuple[str, ...]] = ("colour", "grey")
    content_version: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class JuliaRecipe(SetRecipe):
    """Escape times of iterated complex formulas, in windows on the boundaries, with orbit traps.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "mixed"
    """`julia` (a constant per image), `mandelbrot` (a constant per pixel), `newton` (basins of Newton's method) or
    `mixed` (one of the three per image)."""

    family: ClassVar[str] = "julia"
    styles: ClassVar[tuple[str, ...]] = ("mixed", "julia", "mandelbrot", "newton")
    content_version: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class PlasmaRecipe(SetRecipe):
    """Gradient noise (Perlin, 1985) of many octaves whose places are warped by other noise.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "layered"
    """`clouds` (soft), `marble` (warped veins and bands), `ridges` (sharp creases), `rough` (as diamond-square's) or
    `layered` (2 or 3 of these over one another)."""

    family: ClassVar[str] = "plasma"
    styles: ClassVar[tuple[str, ...]] = ("layered", "clouds", "marble", "ridges", "rough")
    content_version: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class ProgramsRecipe(SetRecipe):
    """Random programs: for each image another one, of moves of space, fields and joins of fields.

    In the spirit of Shaders21k (Baradad et al., 2022), whose programs people wrote: there the number of different
    programs decides how useful a set is, and here no two images share one.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "colour"
    """`colour` or `grey`."""

    family: ClassVar[str] = "programs"
    styles: ClassVar[tuple[str, ...]] = ("colour", "grey")


@dataclass(frozen=True, kw_only=True)
class MoireRecipe(SetRecipe):
    """Moiré: what fine gratings make of one another.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "sized"
    """`sized` (gratings of seven kinds whose beats are broad enough for training images); or as published, mostly too
    fine to be seen at 36 pixels: `classic` (MoireDB's rings around 1 to 3 centres, grey), `colour` (MoireMix's layers
    of rings in colours), `stripes` (a plane wave, grey), `planes` (a plane wave for each channel, as AFA's)."""

    family: ClassVar[str] = "moire"
    styles: ClassVar[tuple[str, ...]] = ("sized", "classic", "colour", "stripes", "planes")


@dataclass(frozen=True, kw_only=True)
class VisualAtomRecipe(SetRecipe):
    """Wavy orbits around centres, after VisualAtom (Takashima et al., CVPR 2023).

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    style: str = "filled"
    """`filled` (orbits as regions of the whole frame, in colour, in half of the images lines over them) or `classic`
    (as published: grey lines on black)."""

    family: ClassVar[str] = "visualatom"
    styles: ClassVar[tuple[str, ...]] = ("filled", "classic")
