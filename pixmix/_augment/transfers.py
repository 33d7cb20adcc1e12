"""Copying the small arrays that a batch needs to a device in one transfer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ALIGNMENT = 64
"""Arrays start at multiples of this many bytes, which suffices for any dtype and for vector loads."""


def carry(device: torch.device, **arrays: np.ndarray) -> dict[str, Tensor]:
    """Copy arrays to `device` as tensors, without waiting for it.

    A GPU gets them in a single pinned buffer; on mps, which has no float64, float64 becomes float32.
    """
    if device.type == "cpu":
        return {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in arrays.items()}
    if device.type == "mps":
        narrow = {np.dtype(np.float64): np.float32}
        arrays = {name: array.astype(narrow.get(array.dtype, array.dtype)) for name, array in arrays.items()}
    pinned = device.type == "cuda"
    # The allocator does not reuse the pinned buffer before the copy is complete.
    return unpack(pack(arrays, pinned=pinned).to(device, non_blocking=pinned), arrays)


def pack(arrays: dict[str, np.ndarray], *, pinned: bool = False) -> Tensor:
    """The bytes of all arrays in one uint8 buffer, each aligned to `_ALIGNMENT`."""
    buffer = torch.empty(sum(map(_room, arrays.values())), dtype=torch.uint8, pin_memory=pinned)
    view, first = buffer.numpy(), 0
    for array in arrays.values():
        view[first : first + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        first += _room(array)
    return buffer


def unpack(buffer: Tensor, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Views of a buffer from `pack`, or of its copy on a device, with the dtypes and shapes of the arrays."""
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
