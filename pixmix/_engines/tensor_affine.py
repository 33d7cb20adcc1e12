"""Rotate, shear and translate for uint8 tensors on any device: one bilinear step with coefficients for each image.

It works in float64, as Pillow does, with some 250 bytes for each pixel: some of the images are moved at a time. On a
GPU it is compiled, and all of that stays in registers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from .compiling import run_compiled

_PIXELS = {"cpu": 1 << 15}
"""Pixels that are moved at a time; on a CPU about what its caches hold."""
_PIXELS_ON_DEVICES = 1 << 22


def widest_float(device: torch.device) -> torch.dtype:
    """The widest floats of a device: float64, but for mps."""
    return torch.float32 if device.type == "mps" else torch.float64


def move_pixels(images: Tensor, chosen: Tensor, affine: Tensor, result: Tensor) -> None:
    """Show the input at an affine function of the output's place, bilinear, black outside.

    Args:
        images: (N, H, W, 3) uint8, contiguous.
        chosen: (n,) int64, of the images.
        affine: (n, 2, 3) floats: x and y of the input from the output's x, y and 1.
        result: (n, H, W, 3) uint8, written.
    """
    height, width = images.shape[1:3]
    grid = _grid(height, width, affine.device, affine.dtype)
    piece = max(_PIXELS.get(images.device.type, _PIXELS_ON_DEVICES) // (height * width), 1)
    for first in range(0, len(result), piece):
        part = slice(first, first + piece)
        varying = images, chosen[part], affine[part]
        result[part] = run_compiled(interpolate, *varying, grid, varying=varying, fused=True)


class Grid(NamedTuple):
    """What the pixels of an image have to do with its size; floats."""

    columns: Tensor
    """(W,) the centres of the columns."""
    rows: Tensor
    """(H, 1) the centres of the rows."""
    zero: Tensor
    """A number."""
    ends: Tensor
    """(2, 1, 1) the largest x and y that are inside."""
    last: Tensor
    """(2, 1, 1, 1) the last column and row."""
    steps: Tensor
    """(2, 1, 1) 0 and 1: from a pixel to itself and to the next."""


@lru_cache(16)
def _grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Grid:
    zero, sides = torch.zeros((), dtype=dtype), torch.tensor([width, height], dtype=dtype).view(2, 1, 1)
    columns, rows = (torch.arange(side, dtype=dtype) + 0.5 for side in (width, height))
    steps = torch.arange(2, dtype=dtype).view(2, 1, 1)
    grid = (columns, rows[:, None], zero, torch.nextafter(sides, zero), sides[:, None] - 1, steps)
    return Grid(*(part.to(device) for part in grid))


def interpolate(images: Tensor, chosen: Tensor, affine: Tensor, grid: Grid) -> Tensor:
    """What `move_pixels` shows, (n, H, W, 3) uint8."""
    # Axis 1 is x and y. What is clamped was outside; clamping keeps its neighbours within the image.
    index = affine[:, :, 0, None, None] * grid.columns + affine[:, :, 1, None, None] * grid.rows
    index += affine[:, :, 2, None, None]
    share = index.clamp(grid.zero, grid.ends)
    within = share == index
    corner = share.sub_(0.5).floor()
    share -= corner
    neighbours = (corner[:, :, None] + grid.steps).clamp_(grid.zero, grid.last).to(torch.int64)
    # (n, 2, 2, H, W, 3): the rows above and below, the columns left and right of the place.
    x, y = neighbours[:, 0, None], neighbours[:, 1, :, None]
    corners = images[chosen[:, None, None, None, None], y, x].to(affine.dtype)
    left, right = corners[:, :, 0], corners[:, :, 1]
    rows = (right - left).mul_(share[:, 0, None, :, :, None]).add_(left)
    above, below = rows[:, 0], rows[:, 1]
    between = (below - above).mul_(share[:, 1, ..., None]).add_(above)
    return between.mul_((within[:, 0] & within[:, 1])[..., None]).to(torch.uint8)
