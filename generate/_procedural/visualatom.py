"""VisualAtom: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import cosine, exp2, log2, sine

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony, sample_palette
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import Canvas, canvas_of, drawn_side
from .noise import shared_noise
from .orbits import Atom, orbits, spray, stroke
from .painting import lay_fields
from .shells import NUMBERS, Atoms, lay_shells

FILTERS = {
    "filled": Filter(flat_tiles=0.3, contrast=34.0, colour_entropy=3.5, rough=0.45, coarse=0.5),
    # As published: nothing is drawn again.
    "classic": Filter(flat_tiles=1.0, contrast=0.0, colour_entropy=0.0),
}
_PIXEL = 1 / 512
"""The published images' pixel, in frames."""


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"visualatom {style}")
    image = np.empty((*shape, 3), np.uint8)
    if style == "classic":
        return image, _classic(draws, canvas_of(max(shape)).field, image)
    canvas = canvas_of(drawn_side(shape))
    harmony = Harmony(draws)
    atoms = _shells(draws)
    found = canvas.full.scratch
    lay_shells(atoms, shared_noise(), found)
    lay_fields(draws, canvas, harmony, *found)
    # Of several line atoms only the strongest would be seen, so there is one, or none.
    lines = draws.chance(0.5)
    if lines:
        _lay_lines(draws, canvas, harmony)
    canvas.composite(3 if lines else 2)
    finish(canvas.colours, draws.uniform(0.9, 1.25), draws.uniform(0.36, 0.5), image)
    waves = atoms.numbers[:, 9:11].astype(int).tolist()
    return image, {"waves": waves, "lines": lines}


FORMULA = Formula(draw, FILTERS)


def _shells(draws: Draws) -> Atoms:
    numbers = np.array([_shell(draws) for _ in range(2)], np.float32)
    return Atoms(numbers, _log(draws, 2.0, 12.0), draws.chance(0.5))


def _shell(draws: Draws) -> list[float]:
    """An atom's numbers; half of the centres lie outside the frame, where no star is seen whole."""
    direction, turn = draws.uniform(), draws.uniform()
    reach = draws.uniform(0.0, 0.4) if draws.chance(0.5) else draws.uniform(0.75, 1.2)
    # c above the sum of the heights, or orbits would fold.
    heights = [draws.uniform(0.2, 0.55) for _ in range(2)]
    clear = max(draws.uniform(1.1, 3.0), sum(heights) + 0.35)
    out = [
        reach * cosine(direction),
        reach * sine(direction),
        cosine(turn),
        sine(turn),
        exp2(draws.uniform(-1.0, 0.4)),
        clear * _log(draws, 4.0, 12.0),
        clear,
        *heights,
        float(draws.whole(0, 20)),
        float(draws.whole(1, 20)),
        draws.uniform(-0.03, 0.03) / clear,
        draws.uniform(0.0, 2.0),
        draws.uniform(0.0, 256.0),
        _log(draws, 0.08, 0.5),
        draws.uniform(0.0, 0.7),
    ]
    assert len(out) == NUMBERS
    return out


def _lay_lines(draws: Draws, canvas: Canvas, harmony: Harmony) -> None:
    """A layer of orbits as lines, over the other two."""
    count, clear = int(_log(draws, 12.0, 48.0)), draws.uniform(1.1, 3.0)
    start = draws.uniform(0.02, 0.12)
    atom = Atom(
        centre=np.array([draws.uniform(-0.2, 1.2), draws.uniform(-0.2, 1.2)]),
        radii=np.array([start * draws.uniform(1.0, 2.0), start * draws.uniform(1.0, 2.0)]),
        orbits=count,
        vertices=int(_log(draws, 300.0, 900.0)),
        unit=draws.uniform(0.25, 0.75) / (count * clear),
        noise=clear,
        waves=np.array([float(draws.whole(0, 20)), float(draws.whole(1, 20))]),
        gap=0.0,
    )
    points = orbits(atom, np.uint64(draws.word()))
    spray(points, canvas.levels[2], canvas.tints[2], _log(draws, 0.2, 0.9))
    canvas.palettes[3] = sample_palette(draws, harmony, light=(draws.uniform(0.2, 0.5), 0.97))
    glow = draws.chance(0.4)
    canvas.looks[3] = [
        draws.uniform(0.6, 1.4),
        draws.uniform(0.3, 1.2),
        draws.uniform(0.0, 0.4),
        draws.uniform(),
        draws.uniform(0.4, 0.9),
        draws.uniform(0.0, 1.0),
        1.0 if glow else 0.0,
        0.0,
    ]


def _classic(draws: Draws, plane: np.ndarray, image: np.ndarray) -> dict[str, Any]:
    """Grey orbits on black, by the published ranges in pixels of a frame of 512."""
    start = draws.whole(10, 60) * _PIXEL
    waves = draws.shuffled(range(21))[:2]
    atom = Atom(
        centre=np.array([draws.uniform(0.0, 1.0), draws.uniform(0.0, 1.0)]),
        radii=np.array([start * draws.uniform(1.0, 2.0), start * draws.uniform(1.0, 2.0)]),
        orbits=draws.whole(1, 200),
        vertices=draws.whole(200, 1000),
        unit=_PIXEL,
        noise=draws.uniform(0.0, 4.0),
        waves=np.array(waves, np.float64),
        gap=draws.uniform(0.0, 0.1),
    )
    points = orbits(atom, np.uint64(draws.word()))
    greys = np.array([draws.whole(1, 255) for _ in range(atom.orbits)], np.float32)
    plane[:] = 0.0
    stroke(points, greys, plane)
    height, width, _ = image.shape
    top, left = (len(plane) - height) // 2, (len(plane) - width) // 2
    image[:] = np.round(plane[top : top + height, left : left + width, np.newaxis]).astype(np.uint8)
    return {"orbits": atom.orbits, "vertices": atom.vertices, "waves": waves}


def _log(draws: Draws, low: float, high: float) -> float:
    """A number from low to high whose logarithm is uniform."""
    return low * exp2(draws.uniform() * log2(high / low))
