"""Small arrays on their way to a device: all that a batch needs in one copy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ALIGNMENT = 64
"""Bytes between the beginnings of arrays; more than any type needs, and what compiled kernels like."""


def carry(device: torch.device, **arrays: np.ndarray) -> dict[str, Tensor]:
    """The arrays as tensors on `device`; nothing waits for the device.

    One pinned buffer takes them to a GPU; float64 becomes float32 where the device has no float64 (mps).
    """
    if device.type == "cpu":
        return {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in arrays.items()}
    if device.type == "mps":
        narrow = {np.dtype(np.float64): np.float32}
        arrays = {name: array.astype(narrow.get(array.dtype, array.dtype)) for name, array in arrays.items()}
    firsts, size = {}, 0
    for name, array in arrays.items():
        firsts[name] = size
        size += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
    buffer = torch.empty(size, dtype=torch.uint8, pin_memory=device.type == "cuda")
    view = buffer.numpy()
    for name, array in arrays.items():
        view[firsts[name] : firsts[name] + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    # The allocator keeps the pinned buffer from being used again before the copy has been made.
    return unpack(buffer.to(device, non_blocking=device.type == "cuda"), arrays, firsts)


def unpack(buffer: Tensor, arrays: dict[str, np.ndarray], firsts: dict[str, int]) -> dict[str, Tensor]:
    """The tensors that lie in a buffer of bytes: of the arrays' types and shapes, each from its first byte on."""
    typed: dict[np.dtype, Tensor] = {}
    result = {}
    for name, array in arrays.items():
        if array.dtype not in typed:
            typed[array.dtype] = buffer.view(torch.from_numpy(np.empty(0, array.dtype)).dtype)
        strides = [step // array.itemsize for step in np.empty(array.shape, array.dtype).strides]
        result[name] = typed[array.dtype].as_strided(array.shape, strides, firsts[name] // array.itemsize)
    return result
