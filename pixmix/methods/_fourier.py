"""What APR and HybridAugment make two images one by: amplitudes and phases, coarse and fine parts, and bytes again."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_ROUNDING = 1e-6
"""Above what transforms there and back err by, in bytes and float64: whole numbers stay what they are on any device."""
_AT_ONCE = 1 << 24
"""Bytes that are recombined at once; some fifty times this is the memory at work."""


def recombine(amplitudes: Tensor, phases: Tensor) -> Tensor:
    """The images whose Fourier transforms have the amplitudes of one batch and the phases of the other.

    The transforms run over channels, rows and columns together, as the authors' do, and not channel by channel.

    Args:
        amplitudes, phases: (N, C, H, W) float32 or float64.

    Returns:
        (N, C, H, W) of their type; nothing is cut off.
    """
    size, dims = amplitudes.shape[1:], (1, 2, 3)
    # Real images have transforms that are symmetric about the origin, so that half of each says all.
    other = torch.fft.rfftn(phases, dim=dims)
    turned = other.sgn().masked_fill_(other == 0, 1)  # the phase of 0 is 0
    return torch.fft.irfftn(turned.mul_(torch.fft.rfftn(amplitudes, dim=dims).abs()), s=size, dim=dims)


def recombine_bytes(amplitudes: Tensor, phases: Tensor, *, wrap: bool) -> Tensor:
    """As `recombine`, for (N, H, W, C) uint8, in float64 where the device has it."""
    if not len(amplitudes):
        return amplitudes  # of which not every library makes a transform
    wide = torch.float32 if amplitudes.device.type == "mps" else torch.float64
    chunk = max(_AT_ONCE // amplitudes[0].numel(), 1)
    made = []
    for parts in zip(amplitudes.split(chunk), phases.split(chunk), strict=True):
        mixed = recombine(*(images.permute(0, 3, 1, 2).to(wide) for images in parts))
        made.append(to_bytes(mixed.permute(0, 2, 3, 1) + _ROUNDING, wrap=wrap))
    return torch.cat(made)


def to_bytes(values: Tensor, *, wrap: bool) -> Tensor:
    """Floats, 255 for white, to uint8 by leaving out what is behind the point.

    Args:
        wrap: take what does not fit modulo 256, as casts in the authors' code do: 259 is 3, and −3 is 253. Without it
            259 is 255, and −3 is 0.
    """
    if wrap:
        return values.to(torch.int32).remainder(256).to(torch.uint8)
    return values.clamp(0, 255).to(torch.uint8)


def blur(images: Tensor, *, side: int, sigma: float) -> Tensor:
    """The coarse part of images: a Gaussian blur of each channel, mirrored at the borders.

    Args:
        images: (N, C, H, W) float.
        side: of the kernel, odd; below twice the image's sides.
        sigma: in pixels.

    Returns:
        (N, C, H, W) of the images' type.
    """
    away = torch.arange(side, dtype=torch.float64) - side // 2
    weights = (-(away**2) / (2 * sigma**2)).exp()
    kernel = (weights / weights.sum()).tolist()
    height, width = images.shape[2:]
    padded = functional.pad(images, (side // 2,) * 4, mode="reflect")
    # Sums of shifted images, which autocast leaves in full precision.
    rows = sum(weight * padded[:, :, y : y + height] for y, weight in enumerate(kernel))
    assert isinstance(rows, Tensor)
    columns = sum(weight * rows[..., x : x + width] for x, weight in enumerate(kernel))
    assert isinstance(columns, Tensor)
    return columns
