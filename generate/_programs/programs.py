"""Images of random programs: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import canvas_of, drawn_side
from .._procedural.noise import shared_noise
from .._procedural.painting import lay_fields
from .drawing import draw_program, names
from .interpreter import calibrate, run

FILTERS = {
    "colour": Filter(flat_tiles=0.3, contrast=34.0, colour_entropy=3.5, rough=0.45, coarse=0.6),
    "grey": Filter(flat_tiles=0.3, contrast=34.0, colour_entropy=1.5, rough=0.45, coarse=0.6),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and the names of its program's operations."""
    draws = Draws(seed, attempt, f"programs {style}")
    canvas = canvas_of(drawn_side(shape))
    program = draw_program(draws)
    calibrate(program, shared_noise())
    found = canvas.full.scratch
    run(program, shared_noise(), found)
    lay_fields(draws, canvas, Harmony(draws), *found)
    canvas.composite(2)
    image = np.empty((*shape, 3), np.uint8)
    saturation, middle = draws.uniform(0.8, 1.15), draws.uniform(0.38, 0.52)
    finish(canvas.colours, saturation if style == "colour" else 0.0, middle, image)
    return image, {"operations": names(program)}


FORMULA = Formula(draw, FILTERS)
