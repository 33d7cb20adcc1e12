"""The base augmentations for uint8 tensors on any device: each kind of op done to all its pictures at once.

The arithmetic is that of the compiled kernels, in integers, float32 and float64 as there; truncation is the cast to
uint8. Nothing waits for the device. What an op costs at small pictures is its launches, so alike ops share theirs.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .plans import SOLARIZE_ROWS, Plan

# ITU-R 601-2 luma by Pillow's weights; sums of bytes times these are exact in float32.
_LUMA = (19595 / 65536, 38470 / 65536, 7471 / 65536)

_PIXELS = {"cpu": 1 << 15}
"""Pixels that are moved at once; some 250 bytes are needed for each."""
_PIXELS_ON_DEVICES = 1 << 21


@cache
def _values(device: torch.device, dtype: torch.dtype) -> Tensor:
    """0 to 255."""
    return torch.arange(256, device=device).to(dtype)


@cache
def _luma_weights(device: torch.device) -> Tensor:
    return torch.tensor(_LUMA, device=device)


@cache
def _fixed_tables(device: torch.device) -> Tensor:
    """(FIXED_ROWS, 256) float64: posterize to 0, 1, ... bits, then solarize from 0, 1, ... on."""
    values = torch.arange(256)
    posterize = [values & (256 - (1 << (8 - bits))) for bits in range(SOLARIZE_ROWS)]
    solarize = [torch.where(values < threshold, values, 255 - values) for threshold in range(257)]
    return torch.stack(posterize + solarize).to(device, _wide(device))


def _wide(device: torch.device) -> torch.dtype:
    """The widest floats of a device."""
    return torch.float32 if device.type == "mps" else torch.float64


def make_copies(pictures: Tensor, plan: Plan, sent: dict[str, Tensor], sources: Tensor) -> None:
    """Make all sources but the crops.

    Args:
        pictures: (N, H, W, 3) uint8, contiguous.
        plan: what to make.
        sent: the plan's `pictures`, `rows`, `factors` and `affine` on the pictures' device.
        sources: (G or more, H, W, 3) uint8, written up to the crops.
    """
    still = plan.range("clean", "sharpness")
    if still.stop:
        torch.index_select(pictures, 0, sent["pictures"][still], out=sources[still])
    if plan.count("autocontrast", "sharpness"):
        _blend_and_replace(plan, sent, sources)
    moved = plan.range("rotate", "translate_y")
    if plan.count("rotate", "translate_y"):
        move_pixels(pictures, sent["pictures"][moved], sent["affine"], sources[moved])


def _blend_and_replace(plan: Plan, sent: dict[str, Tensor], sources: Tensor) -> None:
    grey = None
    if plan.count("contrast", "color"):
        grey = _grey(sources[plan.range("contrast", "color")])
    if plan.count("autocontrast", "contrast"):
        means = None if grey is None else grey[: plan.count("contrast")]
        tables = _tables(plan, sources, sent["factors"], means)
        where = plan.range("autocontrast", "contrast")
        replaced = sources[where]
        index = replaced.flatten(1, 2) + sent["rows"][:, None] * 256
        torch.index_select(tables.view(-1), 0, index.view(-1), out=replaced.view(-1))
    if plan.count("color", "sharpness"):
        where = plan.range("color", "sharpness")
        factors = sent["factors"][-plan.count("color", "sharpness") :]
        lesser = None if grey is None else grey[plan.count("contrast") :]
        _blend(sources[where], lesser, plan.count("color"), factors)


def _grey(pictures: Tensor) -> Tensor:
    """The grey pictures, (n, H, W, 1) float32 of whole numbers."""
    weighted = pictures * _luma_weights(pictures.device)
    return weighted.sum(-1, keepdim=True).add_(0.5).floor_()


def _tables(plan: Plan, sources: Tensor, factors: Tensor, contrast_grey: Tensor | None) -> Tensor:
    """(rows, 256) uint8: the fixed tables, then those of these pictures in the order of `Plan.rows`."""
    device = sources.device
    tables = [_fixed_tables(device)]
    if plan.count("autocontrast", "equalize"):
        pictures = sources[plan.range("autocontrast", "equalize")].flatten(1, 2)
        darkest, brightest = torch.aminmax(pictures, dim=1)
        stretched = plan.count("autocontrast")
        if stretched:
            tables.append(_autocontrast(darkest[:stretched], brightest[:stretched]))
        if len(pictures) > stretched:
            tables.append(_equalize(pictures[stretched:], brightest[stretched:]))
    blended = plan.count("brightness", "contrast")
    if blended:
        lesser = torch.zeros(blended, 1, device=device)
        if contrast_grey is not None and len(contrast_grey):
            pixels = contrast_grey[0].numel()
            total = contrast_grey.sum((1, 2), dtype=_wide(device)).add_(pixels / 2)
            lesser[plan.count("brightness") :] = total.div_(pixels, rounding_mode="floor")
        tables.append((_values(device, torch.float32) - lesser).mul_(factors[:blended, None]).add_(lesser))
    return torch.cat(tables).clamp_(0, 255).to(torch.uint8)


def _autocontrast(darkest: Tensor, brightest: Tensor) -> Tensor:
    """(3 n, 256) tables that stretch each channel from its darkest and brightest value, (n, 3), to 0 and 255."""
    values = _values(darkest.device, _wide(darkest.device))
    span = (brightest - darkest).view(-1, 1)
    scale = torch.div(values[255], span)  # not 255 / span, which torch takes for 255 · (1 / span)
    stretched = (values * scale).sub_(darkest.view(-1, 1) * scale)
    return torch.where(span == 0, values, stretched)


def _equalize(pictures: Tensor, brightest: Tensor) -> Tensor:
    """(3 n, 256) tables that spread the histogram of each channel of (n, pixels, 3) evenly."""
    device = pictures.device
    values = _values(device, _wide(device))
    channels = brightest.numel()
    # Each channel counts into 257 places, the first of which stays 0, so that sums tell what lies below a value.
    first = torch.arange(1, 257 * channels, 257, device=device).view(-1, 1, 3)
    below = torch.zeros(257 * channels, dtype=torch.int32, device=device)
    below.scatter_add_(0, (pictures + first).view(-1), _one(device).expand(pictures.numel()))
    below = below.view(channels, 257).cumsum(1, dtype=torch.int32)[:, :256]
    step = below.gather(1, brightest.view(-1, 1).long()).floor_divide_(255)
    spread = (below + step // 2).to(values.dtype).div_(step)
    return torch.where(step == 0, values, spread)


@cache
def _one(device: torch.device) -> Tensor:
    return torch.ones(1, dtype=torch.int32, device=device)


def _blend(pictures: Tensor, grey: Tensor | None, colors: int, factors: Tensor) -> None:
    """Color of the first `colors` pictures, sharpness of the others, in place."""
    lesser = pictures.to(torch.float32)
    if colors:
        lesser[:colors] = grey
    if colors < len(pictures) and min(pictures.shape[1:3]) > 2:  # the border is left as it is
        smooth = F.avg_pool2d(lesser[colors:].permute(0, 3, 1, 2), 3, stride=1, divisor_override=1)
        smooth = smooth.permute(0, 2, 3, 1).add_(pictures[colors:, 1:-1, 1:-1], alpha=4)
        lesser[colors:, 1:-1, 1:-1] = smooth.div_(13).round_()  # 13 is odd: never half way between two
    blended = (pictures - lesser).mul_(factors.view(-1, 1, 1, 1)).add_(lesser)
    pictures.copy_(blended.clamp_(0, 255))


def move_pixels(pictures: Tensor, chosen: Tensor, affine: Tensor, result: Tensor) -> None:
    """Rotate, shear or translate: the input at an affine function of the output's place, bilinear, black outside.

    Args:
        pictures: (N, H, W, 3) uint8, contiguous.
        chosen: (n,) int64, of the pictures.
        affine: (n, 2, 3) floats.
        result: (n, H, W, 3) uint8, written; a part at a time, so that a bounded memory suffices.
    """
    height, width = pictures.shape[1:3]
    pixels = height * width
    grid = _grid(height, width, affine.device, affine.dtype)
    piece = max(_PIXELS.get(pictures.device.type, _PIXELS_ON_DEVICES) // pixels, 1)
    for first in range(0, len(result), piece):
        part = slice(first, first + piece)
        result[part] = _interpolate(pictures, chosen[part], affine[part], grid)


class _Grid(NamedTuple):
    """What the pixels of a picture have to do with its size; floats."""

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


@lru_cache(16)
def _grid(height: int, width: int, device: torch.device, dtype: torch.dtype) -> _Grid:
    zero, sides = torch.zeros((), dtype=dtype), torch.tensor([width, height], dtype=dtype).view(2, 1, 1)
    columns, rows = (torch.arange(side, dtype=dtype) + 0.5 for side in (width, height))
    grid = (columns, rows[:, None], zero, torch.nextafter(sides, zero), sides[:, None] - 1)
    return _Grid(*(part.to(device) for part in grid))


def _interpolate(pictures: Tensor, chosen: Tensor, affine: Tensor, grid: _Grid) -> Tensor:
    """(n, H, W, 3) floats, to be truncated."""
    height, width = pictures.shape[1:3]
    # Axis 1 is x and y. What is clamped was outside; clamping keeps its neighbours within the picture.
    place = affine[:, :, 0, None, None] * grid.columns + affine[:, :, 1, None, None] * grid.rows
    place += affine[:, :, 2, None, None]
    share = place.clamp(grid.zero, grid.ends)
    inside = (share == place).all(1)
    corner = share.sub_(0.5).floor()
    share -= corner
    neighbours = torch.stack((corner, corner + 1), 2).clamp_(grid.zero, grid.last)
    neighbours = neighbours.to(torch.int32)  # (n, 2: x and y, 2: one and the next, H, W)
    index = torch.add(neighbours[:, 0, None], neighbours[:, 1, :, None], alpha=width)
    index += (chosen * (height * width)).to(torch.int32).view(-1, 1, 1, 1, 1)
    corners = pictures.view(-1, 3).index_select(0, index.view(-1)).view(*index.shape, 3)
    left, right = corners[:, :, 0], corners[:, :, 1]  # of the rows above and below
    rows = right.to(affine.dtype).sub_(left).mul_(share[:, 0, None, :, :, None]).add_(left)
    above, below = rows[:, 0], rows[:, 1]
    return below.sub_(above).mul_(share[:, 1, ..., None]).add_(above).mul_(inside[..., None])
