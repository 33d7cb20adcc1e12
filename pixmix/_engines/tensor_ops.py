"""The base augmentations for uint8 tensors on any device: each kind of op done to all its images at once.

The arithmetic is that of the compiled kernels, in whole numbers, float32 and float64 as there; casts to uint8 truncate.
Nothing waits for the device. What small images cost is launches of kernels, so ops that are alike share theirs.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from .plans import SOLARIZE_ROWS, Plan
from .tensor_affine import move_pixels, widest_float

# ITU-R 601-2 luma by Pillow's weights; sums of bytes times these are exact in float32.
_LUMA = (19595 / 65536, 38470 / 65536, 7471 / 65536)


def make_copies(images: Tensor, plan: Plan, sent: dict[str, Tensor], sources: Tensor) -> None:
    """Make all sources but the crops.

    Args:
        images: (N, H, W, 3) uint8, contiguous.
        plan: what to make.
        sent: the plan's arrays on the images' device.
        sources: (G or more, H, W, 3) uint8, written up to the crops.
    """
    still = plan.range("clean", "sharpness")
    if still.stop:
        torch.index_select(images, 0, sent["images"][still], out=sources[still])
    grey = None
    if plan.count("contrast", "color"):
        grey = _make_grey(sources[plan.range("contrast", "color")])
    if plan.count("autocontrast", "contrast"):
        _replace_values(plan, sent, sources, None if grey is None else grey[: plan.count("contrast")])
    if plan.count("color", "sharpness"):
        factors = sent["factors"][plan.count("brightness", "contrast") :, None, None, None]
        _blend(
            sources[plan.range("color", "sharpness")], None if grey is None else grey[plan.count("contrast") :], factors
        )
    moved = plan.range("rotate", "translate_y")
    if plan.count("rotate", "translate_y"):
        move_pixels(images, sent["images"][moved], sent["affine"], sources[moved])


def _make_grey(images: Tensor) -> Tensor:
    """The grey images, (n, H, W, 1) float32 of whole numbers."""
    weighted = images * _luma(images.device)
    return weighted.sum(-1, keepdim=True).add_(0.5).floor_()


def _replace_values(plan: Plan, sent: dict[str, Tensor], sources: Tensor, grey: Tensor | None) -> None:
    """Autocontrast, equalize, posterize, solarize, brightness and contrast, in place; `grey` is contrast's."""
    tables = [_fixed_tables(sources.device)]
    images = sources[plan.range("autocontrast", "equalize")].flatten(1, 2)
    if len(images):
        darkest, brightest = torch.aminmax(images, dim=1)
        stretched = plan.count("autocontrast")
        if stretched:
            tables.append(_autocontrast(darkest[:stretched], brightest[:stretched]))
        if stretched < len(images):
            tables.append(_equalize(images[stretched:], brightest[stretched:], sent["counters"]))
    blended = plan.count("brightness", "contrast")
    if blended:
        tables.append(_darken(sent["factors"][:blended, None], grey))
    values = tables[0][-1]  # solarize from 256 on: all as they are
    table = torch.cat(tables)
    # What was divided by zero is infinite or no number: channels of one value, and few pixels, stay as they are.
    table = torch.where(table < torch.inf, table, values).clamp_(0, 255).to(torch.uint8)
    replaced = sources[plan.range("autocontrast", "contrast")]
    index = replaced.flatten(1, 2) + sent["tables"]
    torch.index_select(table.view(-1), 0, index.view(-1), out=replaced.view(-1))


def _autocontrast(darkest: Tensor, brightest: Tensor) -> Tensor:
    """(3 n, 256) tables that stretch each channel from its darkest and brightest value, (n, 3), to 0 and 255."""
    values = _fixed_tables(darkest.device)[-1]
    # Not 255 / span, which torch takes for 255 · (1 / span).
    scale = torch.div(values[255], (brightest - darkest).view(-1, 1))
    return (values * scale).sub_(darkest.view(-1, 1) * scale)


def _equalize(images: Tensor, brightest: Tensor, counters: Tensor) -> Tensor:
    """(3 n, 256) tables that spread the histogram of each channel of (n, pixels, 3) evenly."""
    channels, device = brightest.numel(), images.device
    below = torch.zeros(channels * 257, dtype=torch.int32, device=device)
    below.scatter_add_(0, (images + counters).view(-1), _one(device).expand(images.numel()))
    below = below.view(channels, 257).cumsum(1, dtype=torch.int32)[:, :256]
    step = below.gather(1, brightest.view(-1, 1).long()).floor_divide_(255)
    return torch.div(below + step // 2, step.to(widest_float(device)))


def _darken(factors: Tensor, grey: Tensor | None) -> Tensor:
    """(n, 256) tables of brightness, then of contrast, whose images are `grey`, by factors (n, 1)."""
    values = _values(factors.device)
    lesser = torch.zeros_like(factors)
    if grey is not None and len(grey):
        pixels = grey[0].numel()
        total = grey.sum((1, 2), dtype=widest_float(grey.device)).add_(pixels / 2)
        torch.div(total, pixels, rounding_mode="floor", out=lesser[-len(grey) :])
    return (values - lesser).mul_(factors).add_(lesser)


def _blend(images: Tensor, grey: Tensor | None, factors: Tensor) -> None:
    """Color of the images that `grey` has, sharpness of those behind them, in place."""
    lesser = images.to(torch.float32)
    colors = 0 if grey is None else len(grey)
    if grey is not None:
        lesser[:colors] = grey
    if colors < len(images) and min(images.shape[1:3]) > 2:  # the border is left as it is
        # Weights of 1 around 5, over 13, which is odd: no sum lies near half way between two numbers.
        smooth = F.avg_pool2d(lesser[colors:].permute(0, 3, 1, 2), 3, stride=1, divisor_override=13)
        smooth = smooth.permute(0, 2, 3, 1).add_(images[colors:, 1:-1, 1:-1], alpha=4 / 13)
        torch.round(smooth, out=lesser[colors:, 1:-1, 1:-1])
    blended = (images - lesser).mul_(factors).add_(lesser)
    images.copy_(blended.clamp_(0, 255))


@cache
def _values(device: torch.device) -> Tensor:
    """0 to 255, float32."""
    return torch.arange(256, device=device).to(torch.float32)


@cache
def _luma(device: torch.device) -> Tensor:
    return torch.tensor(_LUMA, device=device)


@cache
def _one(device: torch.device) -> Tensor:
    return torch.ones(1, dtype=torch.int32, device=device)


@cache
def _fixed_tables(device: torch.device) -> Tensor:
    """(FIXED_ROWS, 256) floats: posterize to 0, 1, ... bits, then solarize from 0, 1, ... on."""
    values = torch.arange(256)
    posterize = [values & (256 - (1 << (8 - bits))) for bits in range(SOLARIZE_ROWS)]
    solarize = [torch.where(values < threshold, values, 255 - values) for threshold in range(257)]
    return torch.stack(posterize + solarize).to(device, widest_float(device))
