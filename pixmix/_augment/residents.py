"""Images on a device: the whole array where there is room for it, else what is asked for, gathered on the host."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .transfers import carry

SHARE = 0.25
"""Of a device's free memory: what an array may take."""
_PIECE = 1 << 26
"""Bytes that are copied to the device at once, so that a memory map is never read into memory as a whole."""


class Resident:
    """An array of images, to be asked for by their places, as tensors on a device.

    Args:
        array: (M, h, w, 3) uint8, in memory or a memory map; or a tensor, which is then there as a whole.
        device: where the images are wanted.
        whole: whether the array lies there as a whole; by default where it takes at most a quarter of a GPU's free
            memory. Elsewhere each batch's images are gathered on the host and copied; nothing waits for that.
    """

    def __init__(self, array: np.ndarray | Tensor, device: torch.device | str, *, whole: bool | None = None) -> None:
        self.array, self.device, self.shape = array, torch.device(device), tuple(array.shape)
        self.tensor: Tensor | None = None
        """The array on the device, where it lies there as a whole."""
        if isinstance(array, Tensor):
            self.tensor = array.to(self.device).contiguous()
        elif whole or (whole is None and self._has_room(array.nbytes)):
            self.tensor = _copy(array, self.device)

    def _has_room(self, size: int) -> bool:
        return self.device.type == "cuda" and size <= SHARE * torch.cuda.mem_get_info(self.device)[0]

    def __len__(self) -> int:
        return len(self.array)

    def take(self, indices: np.ndarray) -> Tensor:
        """The images at `places`, (n,): (n, h, w, 3) uint8 on the device. Raises InputError for a place beyond."""
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
        *,
        out: Tensor | None = None,
    ) -> Tensor:
        """Parts of the images at `places`.

        Args:
            places, tops, lefts: (n,) whole numbers: which image, the part's first row and column.
            size: (H, W) of the parts.
            out: (n, H, W, 3) uint8 on the device, to be written.

        Returns:
            (n, H, W, 3) uint8 on the device.

        Raises:
            InputError: a part lies beyond the images.
        """
        indices, tops, lefts = (np.asarray(numbers, np.int64) for numbers in (indices, tops, lefts))
        self._check(indices, tops, lefts, size)
        shape = (len(indices), *size, 3)
        if not len(indices):
            return torch.empty(shape, dtype=torch.uint8, device=self.device) if out is None else out
        if self.tensor is None:
            # Pinned, the buffer is copied while the host goes on; torch's allocator keeps it until that is done.
            buffer = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
            _gather(_read_only(np.asarray(self.array)), indices, tops, lefts, buffer.numpy())
            if out is None:
                return buffer.to(self.device, non_blocking=self.device.type == "cuda")
            return out.copy_(buffer, non_blocking=self.device.type == "cuda")
        h, w = self.shape[1:3]
        firsts = ((indices * h + tops) * w + lefts)[:, None] + np.arange(size[0]) * w
        rows = carry(self.device, rows=firsts)["rows"]
        if out is None:
            out = torch.empty(shape, dtype=torch.uint8, device=self.device)
        # Each pixel begins a row of W pixels, and these overlap: a crop's row is then one thing to select.
        every = self.tensor.as_strided((len(self) * h * w - size[1] + 1, size[1] * 3), (3, 1))
        torch.index_select(every, 0, rows.view(-1), out=out.view(-1, size[1] * 3))
        return out

    def _check(self, indices: np.ndarray, tops: np.ndarray, lefts: np.ndarray, size: tuple[int, int]) -> None:
        if not len(indices):
            return
        count, h, w = self.shape[:3]
        if indices.min() < 0 or indices.max() >= count:
            raise InputError(f"images: {indices.min()} to {indices.max()} are asked for, but there are {count}")
        if min(tops.min(), lefts.min()) < 0 or tops.max() + size[0] > h or lefts.max() + size[1] > w:
            raise InputError(f"images: crops of {size[0]}×{size[1]} lie beyond the {h}×{w} there are")


class Residents:
    """The resident of a pool's array, kept until another array or device is asked for; pickles and copies empty."""

    def __init__(self) -> None:
        self._kept: Resident | None = None

    def get(self, array: np.ndarray, device: torch.device) -> Resident:
        """The array's resident on `device`."""
        if self._kept is None or self._kept.array is not array or self._kept.device != device:
            self._kept = None  # before another takes its room
            self._kept = Resident(array, device)
        return self._kept

    def __getstate__(self) -> dict[str, Any]:
        return {"_kept": None}


def _copy(array: np.ndarray, device: torch.device) -> Tensor:
    tensor = torch.empty(array.shape, dtype=torch.uint8, device=device)
    piece = max(_PIECE * len(array) // max(array.nbytes, 1), 1)
    for first in range(0, len(array), piece):
        tensor[first : first + piece] = torch.from_numpy(np.array(array[first : first + piece]))
    return tensor


def _read_only(array: np.ndarray) -> np.ndarray:
    """A plain read-only array: one kind of argument, so that the kernel is compiled once."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


@kernel
def _gather(images, indices, tops, lefts, result):
    count, height, width = result.shape[:3]
    for n in range(count):
        for y in range(height):
            row = images[indices[n], tops[n] + y].reshape(-1)
            out = result[n, y].reshape(-1)
            first = 3 * lefts[n]
            for x in range(3 * width):
                out[x] = row[first + x]
