"""The buffers an image is drawn on, kept from one image to the next."""

from __future__ import annotations

import threading

import numpy as np

from .._drawing.palettes import COLOURS
from .._drawing.tone import LOOK, composite, covered
from .density import enlarge, level_table, smooth, unpack

LAYERS = 4
"""The most layers an image has."""


class Plane:
    """A grid of points and what is made of it: buffers of one side length."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.grid = np.empty((side + 2, side + 2), np.uint64)
        self.count = np.empty((side, side), np.float32)
        self.scratch = np.empty((4, side, side), np.float32)
        self.level = np.empty((side, side), np.float32)
        self.tint = np.empty((side, side), np.float32)

    def fresh(self) -> np.ndarray:
        """The grid, emptied; before use and not after, so that what an interrupted image left does not show."""
        self.grid[:] = 0
        return self.grid

    def settle(self, points: float, top: float, level: np.ndarray, tint: np.ndarray) -> None:
        """Turn what was painted into levels and tints (S, S) float32."""
        reached = unpack(self.grid, self.count, tint)
        smooth(self.count, tint, self.scratch, points / max(reached, 1), level_table(top), level)


class Canvas:
    """The buffers of one thread at one side length."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.full, self.half = Plane(side), Plane((side + 1) // 2)
        self.levels = np.empty((LAYERS, side, side), np.float32)
        self.tints = np.empty((LAYERS, side, side), np.float32)
        self.field = np.empty((side, side), np.float32)
        self.colours = np.empty((3, side, side), np.float32)
        self.palettes = np.empty((LAYERS + 1, 3, COLOURS), np.float32)
        self.looks = np.zeros((LAYERS + 1, LOOK), np.float32)

    def composite(self, layers: int) -> None:
        """Lay the first `layers` layers over the ground."""
        planes = self.levels[:layers], self.tints[:layers]
        composite(self.field, *planes, self.palettes[: layers + 1], self.looks[: layers + 1], self.colours)

    def covered(self, layers: int) -> float:
        """The share of the ground that the first `layers` layers hide or outshine."""
        return covered(self.levels[:layers], self.looks[: layers + 1])

    def settle(self, plane: Plane, layer: int, points: float, top: float) -> None:
        """Turn what was painted on a plane into a layer's levels and tints."""
        if plane is self.full:
            plane.settle(points, top, self.levels[layer], self.tints[layer])
        else:
            plane.settle(points, top, plane.level, plane.tint)
            enlarge(plane.level, self.levels[layer])
            enlarge(plane.tint, self.tints[layer])


_local = threading.local()


def canvas_of(side: int) -> Canvas:
    """This thread's buffers; allocating them anew costs more page faults than drawing on them."""
    held: Canvas | None = getattr(_local, "canvas", None)
    if held is None or held.side != side:
        held = _local.canvas = Canvas(side)
    return held


def drawn_side(shape: tuple[int, int]) -> int:
    """The side of the square that an image (H, W) is the middle of, in pixels as they are drawn.

    Small ones are drawn at twice their size, so that edges are smooth when four pixels average.
    """
    side = max(shape)
    return 2 * side if side <= 128 else side
