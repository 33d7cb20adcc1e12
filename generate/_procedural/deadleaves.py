"""Dead leaves: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import exp2

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import canvas_of, drawn_side
from .leaves import cover
from .noise import PLAIN, octaves
from .textures import fill_flat, fill_textured, natural_colours

_NOISE = 256

# Flat leaves are flat: what is refused there is a frame that one or two of them fill.
FILTERS = {
    "textured": Filter(flat_tiles=0.3, contrast=30.0, colour_entropy=4.0),
    "squares": Filter(flat_tiles=0.7, contrast=35.0, colour_entropy=3.0),
    "oriented": Filter(flat_tiles=0.7, contrast=35.0, colour_entropy=3.0),
    "shapes": Filter(flat_tiles=0.7, contrast=35.0, colour_entropy=3.0),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"deadleaves {style}")
    canvas = canvas_of(drawn_side(shape))
    # Cut-offs of the power law, in frames.
    small, large = exp2(draws.uniform(-6.2, -4.2)), exp2(draws.uniform(-2.3, -0.9))
    harmony = Harmony(draws)
    hues = np.array([harmony.hue(draws) for _ in range(draws.whole(2, 4))])
    colours = natural_colours(hues, exp2(draws.uniform(-4.6, -2.9)), np.uint64(draws.word()))
    owner = np.empty((canvas.side, canvas.side), np.int32)
    mixed = style in ("textured", "shapes")
    leaves, words = cover(owner, style != "squares", mixed, small, large, np.uint64(draws.word()))
    if style == "textured":
        noise = octaves(_NOISE, 8, 5, draws.uniform(0.45, 0.65), PLAIN, np.uint64(draws.word()))
        fill_textured(owner, leaves, words, colours, noise, canvas.colours)
    else:
        fill_flat(owner, words, colours, canvas.colours)
    image = np.empty((*shape, 3), np.uint8)
    finish(canvas.colours, draws.uniform(1.0, 1.3), draws.uniform(0.38, 0.52), image)
    return image, {"leaves": len(leaves), "radii": [round(small, 4), round(large, 4)]}


FORMULA = Formula(draw, FILTERS)
