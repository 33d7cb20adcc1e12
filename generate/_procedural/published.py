"""Mixing images as MoireDB's and MoireMix's authors, and those of their baselines, draw them, for comparisons.

All are drawn in coordinates of the frame, so that they are the same images at every size; of waves finer than two
pixels others show, as in the published images.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np

from mixset._common.elementary import cosine, power, sine
from mixset._common.kernels import kernel
from mixset._common.moire import MARGIN, MOST, rings

from .._drawing.rng import Draws
from .noise import PLAIN, octaves

FINEST = 100
"""Periods a frame of the finest waves."""
CONTRAST = 1.15
"""The power of a ring image that is its opacity over the ground."""


def draw_published(style: str, draws: Draws, image: np.ndarray) -> dict[str, Any]:
    """Draw an image (H, W, 3) uint8 in one of the published styles; returns a summary of what was drawn."""
    side = max(image.shape[:2])
    square, summary = PUBLISHED[style](draws, side)
    height, width, _ = image.shape
    top, left = (side - height) // 2, (side - width) // 2
    image[:] = square[top : top + height, left : left + width]
    return summary


def _classic(draws: Draws, side: int) -> tuple[np.ndarray, dict[str, Any]]:
    """MoireDB: grey rings."""
    grey, frequencies = _rings(draws, side)
    return grey[..., np.newaxis], {"frequencies": frequencies}


def _rings(draws: Draws, side: int) -> tuple[np.ndarray, list[int]]:
    """Rings about 1 to 3 centres, of different whole frequencies: (S, S) uint8, and the frequencies."""
    count = draws.whole(1, MOST)
    frequencies = draws.shuffled(range(1, FINEST + 1))[:count]
    places = [[draws.uniform(MARGIN, 1.0 - MARGIN) for _ in range(2)] for _ in range(count)]
    # Pixels are counted by their middles, so that the rings are the same ones at every size.
    grey = rings(np.array(places) * side - 0.5, np.array(frequencies, np.float64), side, side)
    return grey, frequencies


def _colour(draws: Draws, side: int) -> tuple[np.ndarray, dict[str, Any]]:
    """MoireMix's coloured images: one or two layers of rings over a ground, each from one colour to another."""
    ground = draws.choice(("solid", "linear", "soft"))
    image = _ground(draws, side, ground)
    opacity = np.array([power(byte / 255.0, CONTRAST) for byte in range(256)])[:, np.newaxis]
    layers = []
    for _ in range(draws.whole(1, 2)):
        grey, frequencies = _rings(draws, side)
        image += opacity[grey] * (_ramp(draws)[grey] - image)
        layers.append(frequencies)
    return np.floor(image + 0.5).astype(np.uint8), {"ground": ground, "frequencies": layers}


def _ground(draws: Draws, side: int, kind: str) -> np.ndarray:
    """A colour, or what leads from one to another: along a direction, or in clouds. (S, S, 3) float64, 0 to 255."""
    ramp = _ramp(draws)
    if kind == "solid":
        return np.tile(ramp[0], (side, side, 1))
    middles = (np.arange(side) + 0.5) / side - 0.5
    if kind == "linear":
        turn = draws.uniform()
        across, down = cosine(turn), sine(turn)
        places = (middles * across + middles[:, np.newaxis] * down) / (abs(across) + abs(down))
    else:
        places = 0.5 * octaves(side, 2, 2, 0.5, PLAIN, np.uint64(draws.word())).astype(np.float64)
    places = np.minimum(np.maximum(places + 0.5, 0.0), 1.0)[..., np.newaxis]
    return ramp[0] + places * (ramp[255] - ramp[0])


def _ramp(draws: Draws) -> np.ndarray:
    """256 colours (256, 3) float64, 0 to 255, from one to another; both are bright and saturated."""
    first, last = (
        np.array(colorsys.hsv_to_rgb(draws.uniform(), draws.uniform(0.5, 0.95), draws.uniform(0.85, 1.0)))
        for _ in range(2)
    )
    return 255.0 * (first + (np.arange(256) / 255.0)[:, np.newaxis] * (last - first))


def _stripes(draws: Draws, side: int) -> tuple[np.ndarray, dict[str, Any]]:
    """A plane wave in grey."""
    waves = _drawn_waves(draws, 1)
    return plane_waves(waves, side), {"frequencies": [waves[0, 0]]}


def _planes(draws: Draws, side: int) -> tuple[np.ndarray, dict[str, Any]]:
    """A plane wave of its own for each colour channel, as AFA (CVPR 2024) adds to images, at full contrast."""
    waves = _drawn_waves(draws, 3)
    return plane_waves(waves, side), {"frequencies": waves[:, 0].tolist()}


def _drawn_waves(draws: Draws, count: int) -> np.ndarray:
    """(count, 3) float64: periods a frame, direction and phase in turns."""
    return np.array([[float(draws.whole(1, FINEST)), draws.uniform(0.0, 0.5), draws.uniform()] for _ in range(count)])


PUBLISHED: dict[str, Callable[[Draws, int], tuple[np.ndarray, dict[str, Any]]]] = {
    "classic": _classic,
    "colour": _colour,
    "stripes": _stripes,
    "planes": _planes,
}
"""Styles by name: (draws, side S) → (S, S, 1 or 3) uint8 and a summary."""


@kernel(error_model="numpy")
def plane_waves(waves: np.ndarray, side: int) -> np.ndarray:
    """Sines from black to white, (S, S, N) uint8.

    Args:
        waves: (N, 3) float64, of each the periods in a frame, its direction and its phase in turns.
        side: S in pixels.
    """
    out = np.empty((side, side, len(waves)), np.uint8)
    for n in range(len(waves)):
        frequency, turn, phase = waves[n, 0], waves[n, 1], waves[n, 2]
        across, down = frequency * cosine(turn) / side, frequency * sine(turn) / side
        for y in range(side):
            for x in range(side):
                value = sine(across * (x + 0.5) + down * (y + 0.5) + phase)
                out[y, x, n] = np.uint8(127.5 + 127.5 * value + 0.5)
    return out
