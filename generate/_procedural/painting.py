"""From fields to colours: two palettes, one over the other."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import exp2

from .._drawing.palettes import Harmony, sample_palette
from .._drawing.rng import Draws
from .._fractals.canvas import Canvas


def lay_fields(
    draws: Draws,
    canvas: Canvas,
    harmony: Harmony,
    hue: np.ndarray,
    light: np.ndarray,
    other: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Put two layers into the canvas, made of four fields (S, S) float32 in [0, 1].

    `hue` goes along the palette of the lower one, whose light and relief are those of `light`; `other` goes along the
    palette of the upper one, which is seen where `mask` is above an edge, sharp or soft.
    """
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
