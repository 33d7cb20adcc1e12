"""Small arrays on their way to a device: all that a batch needs in one copy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ALIGNMENT = 64
"""Bytes between the beginnings of arrays; more than any type needs, and what compiled kernels like."""


def carry(device: torch.device, **arrays: np.ndarray) -> dict[str, Tensor]:
    """The arrays as tensors on `device`, which is not waited for.

    One pinned buffer takes them to a GPU; float64 becomes float32 where the device has no float64 (mps).
    """
    if device.type == "cpu":
        return {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in arrays.items()}
    if device.type == "mps":
        narrow = {np.dtype(np.float64): np.float32}
        arrays = {name: array.astype(narrow.get(array.dtype, array.dtype)) for name, array in arrays.items()}
    pinned = device.type == "cuda"
    # The allocator keeps the pinned buffer from being used again before the copy has been made.
    return unpack(pack(arrays, pinned=pinned).to(device, non_blocking=pinned), arrays)


def pack(arrays: dict[str, np.ndarray], *, pinned: bool = False) -> Tensor:
    """The bytes of all arrays in one buffer, each from a multiple of `_ALIGNMENT` on."""
    buffer = torch.empty(sum(map(_room, arrays.values())), dtype=torch.uint8, pin_memory=pinned)
    view, first = buffer.numpy(), 0
    for array in arrays.values():
        view[first : first + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        first += _room(array)
    return buffer


def unpack(buffer: Tensor, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Views of what `pack` made of the arrays, or of a copy on a device, in their types and shapes."""
    typed: dict[np.dtype, Tensor] = {}
    tensors, first = {}, 0
    for name, array in arrays.items():
        if array.dtype not in typed:
            typed[array.dtype] = buffer.view(torch.from_numpy(np.empty(0, array.dtype)).dtype)
        strides = [step // array.itemsize for step in np.empty(array.shape, array.dtype).strides]
        tensors[name] = typed[array.dtype].as_strided(array.shape, strides, first // array.itemsize)
        first += _room(array)
    return tensors


def _room(array: np.ndarray) -> int:
    return -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
