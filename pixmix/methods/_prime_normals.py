"""Normal numbers as a function of (seed, epoch, index, block, stream), made where they are used: arrays and tensors."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from mixset._common.kernels import kernel

from .._common.philox import block, unit

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def fill_normals(
    seed: np.uint64, epoch: np.uint64, index: int, number: int, stream: np.uint64, values: np.ndarray
) -> None:
    """Standard normal numbers (flat float32) by Box and Muller, four to a block, from block `number` on."""
    for q in range((values.size + 3) // 4):
        w = block(np.uint64(index), epoch, np.uint64(number + q), stream, seed & _LOW, seed >> _32)
        first, second = _pair(w[0], w[1]), _pair(w[2], w[3])
        for lane, value in enumerate((first[0], first[1], second[0], second[1])):
            if 4 * q + lane < values.size:
                values[4 * q + lane] = value


@kernel
def _pair(radius: np.uint64, angle: np.uint64) -> tuple[float, float]:
    length, turn = math.sqrt(-2 * math.log(unit(radius))), 2 * math.pi * unit(angle)
    return length * math.cos(turn), length * math.sin(turn)


def normal_tensor(seed: int, epoch: int, index: Tensor, number: Tensor, stream: int, blocks: int) -> Tensor:
    """The same numbers on a device: those of each row's blocks `number` to `number + blocks - 1`.

    Args:
        seed, epoch, stream: as in a key.
        index, number: (R,) int64.
        blocks: how many.

    Returns:
        (R, 4 · blocks) float32.
    """
    numbers = number[:, None] + torch.arange(blocks, device=number.device)
    words = _blocks(index[:, None], epoch, numbers, stream, seed)
    uniforms = (torch.stack(torch.broadcast_tensors(*words), dim=2).to(torch.float32) + 0.5) * 2.0**-32
    length, turn = (-2 * uniforms[..., 0::2].log()).sqrt(), 2 * math.pi * uniforms[..., 1::2]
    return torch.stack((length * turn.cos(), length * turn.sin()), dim=3).flatten(1)


def _blocks(c0: Tensor, epoch: int, c2: Tensor, stream: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`pixmix._common.philox.block` for int64 tensors, whose products wrap to the same 64 bits."""
    low = 0xFFFFFFFF
    c1, c3 = torch.full_like(c0, epoch), torch.full_like(c0, stream)
    k0, k1 = seed & low, seed >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = ((p1 >> 32) & low) ^ c1 ^ k0, p1 & low, ((p0 >> 32) & low) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return c0, c1, c2, c3
