"""PRIME's three primitives and its chains on tensors (R, 3, H, W) float32 in [0, 1], on any device."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .._augment.transfers import carry
from .._common import philox
from ._prime_draws import COLOUR, DEPTH, FIELD, FILTER, PrimeDraws
from ._prime_fields import first_block, row_blocks, sines
from ._prime_normals import normal_tensor

_VALUES = 1 << 26
"""Values of chains that are made at once; some ten times their bytes are the memory at work."""


def mix_tensors(images: Tensor, draws: PrimeDraws) -> Tensor:
    """PRIME of N images (N, 3, H, W) as their draws say; nothing waits for the device."""
    chunk = max(_VALUES // max(draws.op.shape[1] * images[0].numel(), 1), 1) if len(images) else 1
    mixed = torch.empty_like(images, memory_format=torch.channels_last)
    for first in range(0, len(images), chunk):
        part = slice(first, first + chunk)
        mixed[part] = _mix(images[part], draws.rows(part))
    return mixed


def _mix(images: Tensor, draws: PrimeDraws) -> Tensor:
    width, depth = draws.op.shape[1:]
    chains = images.contiguous()[:, None].repeat(1, width, 1, 1, 1).flatten(0, 1)
    for d in range(depth):
        for op, apply in _PRIMITIVES.items():
            n, w = np.nonzero(draws.op[:, :, d] == op)
            if not len(n):
                continue
            if op == COLOUR:  # those with most waves first: each further wave is for fewer
                order = np.argsort(-draws.number[n, w, d], kind="stable")
                n, w = n[order], w[order]
            rows = carry(images.device, rows=n * width + w)["rows"]
            chains[rows] = apply(chains[rows], draws, (n, w, d))
    weights = np.concatenate((1 - draws.share[:, None], draws.share[:, None] * draws.weights), axis=1)
    sent = carry(images.device, weights=weights)["weights"][..., None, None, None]
    stacked = torch.cat((images[:, None], chains.unflatten(0, (-1, width))), dim=1)
    return (sent * stacked).sum(dim=1).clamp_(max=1)


Rows = tuple[np.ndarray, np.ndarray, int]
"""Images (R,) and chains (R,) of the rows that a primitive is for, and the step."""


def _filter(images: Tensor, draws: PrimeDraws, rows: Rows) -> Tensor:
    return correlate(images, carry(images.device, taps=draws.taps[rows])["taps"])


def correlate(images: Tensor, taps: Tensor) -> Tensor:
    """As the kernel of this name, with taps (R, 3, 3)."""
    height, width = images.shape[2:]
    # Not a convolution, whose products a GPU may round to 10 bits.
    wide, total = functional.pad(images, (1, 1, 1, 1)), torch.zeros_like(images)
    for i in range(3):
        for j in range(3):
            total.addcmul_(wide[:, :, i : i + height, j : j + width], taps[:, i, j, None, None, None])
    return total.clamp_(0, 1)


def _recolour(images: Tensor, draws: PrimeDraws, rows: Rows) -> Tensor:
    n, w, d = rows
    count, first, temperature = draws.number[rows], draws.first[rows], draws.temperature[rows]
    most = int(count.max())
    sent = carry(
        images.device,
        index=np.repeat(draws.indices[n], 3),
        number=(((DEPTH * w + d) * 3)[:, None] + np.arange(3)).ravel() << 20,
        first=first.astype(np.float32),
        scale=np.sqrt(temperature),
    )
    normals = normal_tensor(
        int(draws.seed), int(draws.epoch), sent["index"], sent["number"], philox.PRIME_COLOURS, -(-most // 4)
    )
    waves = sent["scale"][:, None, None] * normals.view(len(n), 3, -1)
    return add_waves(images, waves, sent["first"], count)


def add_waves(images: Tensor, waves: Tensor, first: Tensor, count: np.ndarray) -> Tensor:
    """As the kernel of this name, with waves (R, 3, K) of which each row has `count`, in descending order."""
    radius = torch.ones_like(images)
    turn = torch.polar(radius, math.pi * images)
    wave = torch.polar(radius, math.pi * torch.remainder(first[:, None, None, None] * images, 2))
    total = images.clone()
    for k in range(int(count.max())):
        rows = int((count > k).sum())
        total[:rows].addcmul_(wave[:rows].imag, waves[:rows, :, k, None, None])
        wave[:rows].mul_(turn[:rows])
    return total.clamp_(0, 1)


def _displace(images: Tensor, draws: PrimeDraws, rows: Rows) -> Tensor:
    n, w, d = rows
    height, width = images.shape[2:]
    field, cuts = draws.field[n, w], draws.number[rows]
    kinds, kind = np.unique(cuts, return_inverse=True)
    blocks = row_blocks(width)
    row = np.arange(max(height - 2, 0)) * blocks
    number = (first_block(field[:, 1], d)[:, None] + np.array([0, 1 << 24]))[..., None] + row
    sent = carry(
        images.device,
        index=np.repeat(field[:, 0], number[0].size),
        number=number.ravel(),
        kinds=kinds.astype(np.int64),
        kind=kind,
        scale=np.sqrt(draws.temperature[rows])[:, None] * np.array([width, height], np.float32),
        sines_y=sines(height).copy(),
        sines_x=sines(width).copy(),
    )
    normals = normal_tensor(
        int(draws.seed), int(draws.epoch), sent["index"], sent["number"], philox.PRIME_FIELDS, blocks
    )
    normals = normals.view(len(n), 2, max(height - 2, 0), 4 * blocks)[..., : max(width - 2, 0)]
    deviations = amplitudes(sent["kinds"], int(kinds.max()), (height, width))[sent["kind"]]
    moves = sent["sines_y"].T @ (normals * deviations[:, None]) @ sent["sines_x"]
    return displace(images, sent["scale"][..., None, None] * moves)


def amplitudes(cuts: Tensor, most: int, size: tuple[int, int]) -> Tensor:
    """As the kernel of this name, for cuts (R,) up to `most`: (R, H − 2, W − 2), 0 above a row's cut."""
    frequencies = torch.arange(1, most + 1, device=cuts.device)
    squares = (frequencies**2)[:, None] + frequencies**2
    variance = (squares < (cuts[:, None, None] + 0.5) ** 2) / squares
    for axis, side in ((1, size[0]), (2, size[1])):
        variance = _folded(variance, axis, frequencies, side)
    return variance.sqrt()


def _folded(variance: Tensor, axis: int, frequencies: Tensor, side: int) -> Tensor:
    """Those of frequencies that are the same on the grid, added."""
    period = max(2 * (side - 1), 1)
    rest = frequencies % period
    rest = torch.minimum(rest, period - rest)
    shape = list(variance.shape)
    shape[axis] = max(side, 2)
    folded = variance.new_zeros(shape).index_add_(axis, rest, variance)
    return folded.narrow(axis, 1, max(side - 2, 0))


def displace(images: Tensor, moves: Tensor) -> Tensor:
    """As the kernel of this name, with moves (R, 2, H, W)."""
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) - moves[:, 0]
    y = torch.arange(height, device=images.device)[:, None] - moves[:, 1]
    grid = torch.stack((2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1), dim=3)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=True)


_PRIMITIVES: dict[int, Callable[[Tensor, PrimeDraws, Any], Tensor]] = {
    FILTER: _filter,
    COLOUR: _recolour,
    FIELD: _displace,
}
