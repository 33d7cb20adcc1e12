"""Images on a device: the whole array if there is memory for it, else batches gathered on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .transfers import carry

SHARE = 0.25
"""The fraction of a device's free memory that an array may take."""
_PIECE = 1 << 26
"""Bytes copied to the device at once, so that a memory map is never read into memory as a whole."""


class Resident:
    """An array of images, of which batches are returned as tensors on a device.

    Args:
        array: (M, h, w, 3) uint8, in memory or a memory map; or a tensor, which is moved to the device as a whole.
        device: the device of the batches.
        whole: whether to keep the whole array on the device; default: if it takes at most a quarter of a GPU's free
            memory. Otherwise batches are gathered on the host and copied asynchronously.
    """

    def __init__(self, array: np.ndarray | Tensor, device: torch.device | str, *, whole: bool | None = None) -> None:
        self.array, self.device, self.shape = array, torch.device(device), tuple(array.shape)
        self.tensor: Tensor | None = None
        """The whole array on the device, or None."""
        if isinstance(array, Tensor):
            self.tensor = array.to(self.device).contiguous()
        elif whole or (whole is None and self._has_room(array.nbytes)):
            self.tensor = _copy(array, self.device)

    def _has_room(self, size: int) -> bool:
        return self.device.type == "cuda" and size <= SHARE * torch.cuda.mem_get_info(self.device)[0]

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: np.ndarray) -> Tensor:
        """The images at `indices`, (n,) whole numbers, as (n, h, w, 3) uint8 on the device.

        Raises:
            InputError: an index is out of range.
        """
        indices, size = np.asarray(indices, np.int64), (self.shape[1], self.shape[2])
        zeros = np.zeros_like(indices)
        if self.tensor is None:
            return self.crops(indices, zeros, zeros, size)
        self._check(indices, zeros, zeros, size)
        return self.tensor.index_select(0, carry(self.device, indices=indices)["indices"])

    def crops(
        self,
        indices: np.ndarray,
        tops: np.ndarray,
        lefts: np.ndarray,
        size: tuple[int, int],
    ) -> Tensor:
        """Crops of images.

        Args:
            indices: (n,) whole numbers, the image of each crop.
            tops: (n,) whole numbers, the first row of each crop.
            lefts: (n,) whole numbers, the first column of each crop.
            size: (H, W) of the crops.

        Returns:
            (n, H, W, 3) uint8 on the device.

        Raises:
            InputError: an index or a crop is out of range.
        """
        indices, tops, lefts = (np.asarray(numbers, np.int64) for numbers in (indices, tops, lefts))
        self._check(indices, tops, lefts, size)
        shape = (len(indices), *size, 3)
        if not len(indices):
            return torch.empty(shape, dtype=torch.uint8, device=self.device)
        if self.tensor is None:
            # A pinned buffer is copied asynchronously; torch's allocator does not reuse it before.
            buffer = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
            _gather(_read_only(np.asarray(self.array)), indices, tops, lefts, buffer.numpy())
            return buffer.to(self.device, non_blocking=self.device.type == "cuda")
        h, w = self.shape[1:3]
        firsts = ((indices * h + tops) * w + lefts)[:, None] + np.arange(size[0]) * w
        rows = carry(self.device, rows=firsts)["rows"]
        # A view with a row of W pixels starting at every pixel, in which each row of a crop is one row to select.
        every = self.tensor.as_strided((len(self) * h * w - size[1] + 1, size[1] * 3), (3, 1))
        return every.index_select(0, rows.view(-1)).view(shape)

    def _check(self, indices: np.ndarray, tops: np.ndarray, lefts: np.ndarray, size: tuple[int, int]) -> None:
        if not len(indices):
            return
        count, h, w = self.shape[:3]
        if indices.min() < 0 or indices.max() >= count:
            raise InputError(f"images: indices run from {indices.min()} to {indices.max()}, but there are {count}")
        if min(tops.min(), lefts.min()) < 0 or tops.max() + size[0] > h or lefts.max() + size[1] > w:
            raise InputError(f"images: crops of {size[0]}×{size[1]} reach beyond the images of {h}×{w}")


class Residents:
    """A cache of one `Resident`, for the last array and device; its pickles and copies are empty."""

    def __init__(self) -> None:
        self._resident: Resident | None = None

    def get(self, array: np.ndarray, device: torch.device, *, whole: bool | None = None) -> Resident:
        """The resident of `array` on `device`; `whole` is as for `Resident`."""
        if self._resident is None or self._resident.array is not array or self._resident.device != device:
            self._resident = None  # frees its memory first
            self._resident = Resident(array, device, whole=whole)
        return self._resident

    def __getstate__(self) -> dict[str, Any]:
        return {"_resident": None}


def _copy(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.empty(array.shape, dtype=torch.uint8, device=device)
    piece = max(_PIECE * len(array) // max(array.nbytes, 1), 1)
    for first in range(0, len(array), piece):
        tensor[first : first + piece] = torch.from_numpy(np.array(array[first : first + piece]))
    return tensor


def _read_only(array: np.ndarray) -> np.ndarray:
    """A plain read-only view, so that the kernel is compiled for one type only."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


@kernel
def _gather(images: np.ndarray, indices: np.ndarray, tops: np.ndarray, lefts: np.ndarray, result: np.ndarray) -> None:
    count, height, width = result.shape[:3]
    for n in range(count):
        for y in range(height):
            row = images[indices[n], tops[n] + y].reshape(-1)
            out = result[n, y].reshape(-1)
            first = 3 * lefts[n]
            for x in range(3 * width):
                out[x] = row[first + x]
