"""Images of random programs: a recipe and an index in, one finished image out."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .._drawing.elementary import exp2
from .._drawing.filters import Filter
from .._drawing.palettes import Harmony, sample_palette
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import Canvas, canvas_of, drawn_side
from .._procedural.noise import PLAIN, octaves
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
    _paint(draws, canvas, found)
    image = np.empty((*shape, 3), np.uint8)
    saturation, middle = draws.uniform(0.8, 1.15), draws.uniform(0.38, 0.52)
    finish(canvas.colours, saturation if style == "colour" else 0.0, middle, image)
    return image, {"operations": names(program)}


FORMULA = Formula(draw, FILTERS)


def _paint(draws: Draws, canvas: Canvas, found: np.ndarray) -> None:
    """Two palettes of one harmony, one over the other where the mask lets it; light and relief by a field."""
    hue, light, other, mask = found
    harmony = Harmony(draws)
    # Levels begin where the opacity below makes them cover.
    canvas.levels[0] = np.float32(0.75) * light + np.float32(0.25)
    canvas.tints[0], canvas.tints[1] = hue, other
    steep, edge = exp2(draws.uniform(0.0, 3.3)), draws.uniform(0.3, 0.7)
    np.clip((mask - np.float32(edge)) * np.float32(steep) + np.float32(0.5), 0, 1, out=canvas.levels[1])
    canvas.field[:], canvas.looks[0] = 0.0, 0.0
    first = sample_palette(draws, harmony, light=(draws.uniform(0.08, 0.25), draws.uniform(0.78, 0.97)))
    canvas.palettes[:2] = first
    canvas.palettes[2] = sample_palette(draws, harmony, light=(draws.uniform(0.1, 0.3), draws.uniform(0.78, 0.97)))
    relief = draws.uniform(0.3, 3.0) if draws.chance(0.6) else 0.0
    canvas.looks[1] = [
        4.0,
        draws.uniform(0.3, 0.9),
        draws.uniform(0.0, 0.7),
        draws.uniform(),
        draws.uniform(0.0, 0.6),
        relief,
        0.0,
        0.0,
    ]
    canvas.looks[2] = [
        draws.uniform(0.6, 1.0),
        draws.uniform(0.3, 0.9),
        draws.uniform(0.0, 0.3),
        draws.uniform(),
        draws.uniform(0.4, 1.0),
        draws.uniform(0.0, 1.0) if draws.chance(0.5) else 0.0,
        0.0,
        draws.uniform(0.2, 0.6) if draws.chance(0.3) else 0.0,
    ]
    canvas.composite(2)
