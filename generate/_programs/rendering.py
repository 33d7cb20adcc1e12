"""Images of random programs: a recipe and an index in, one finished image out."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .._drawing.filters import Filter
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import canvas_of, drawn_side
from .._procedural.noise import PLAIN, octaves
from .._procedural.painting import paint
from .drawing import draw_program, names
from .interpreter import calibrate, run

FILTERS = {
    "colour": Filter(flat_tiles=0.3, contrast=34.0, colour_entropy=3.5, rough=0.45, coarse=0.6),
    "grey": Filter(flat_tiles=0.3, contrast=34.0, colour_entropy=1.5, rough=0.45, coarse=0.6),
}


@cache
def noise_table() -> np.ndarray:
    """(256, 256) float32: noise of 8 cells and 3 octaves, the same for all images; places in it are drawn."""
    return octaves(256, 8, 3, 0.5, PLAIN, np.uint64(0x5EED))


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and the names of its program's operations."""
    draws = Draws(seed, attempt, f"programs {style}")
    canvas = canvas_of(drawn_side(shape))
    program = draw_program(draws)
    calibrate(program, noise_table())
    found = canvas.full.scratch
    run(program, noise_table(), found)
    paint(draws, canvas, *found)
    image = np.empty((*shape, 3), np.uint8)
    saturation, middle = draws.uniform(0.8, 1.15), draws.uniform(0.38, 0.52)
    finish(canvas.colours, saturation if style == "colour" else 0.0, middle, image)
    return image, {"operations": names(program)}


FORMULA = Formula(draw, FILTERS)
