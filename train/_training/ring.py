"""Memory that a trainer and its loader's workers share: slots for batches, made once and filled again and again."""

from __future__ import annotations

import math
import mmap
import os
import sys
import tempfile
from multiprocessing.reduction import DupFd
from typing import Any, NamedTuple

import numpy as np
import torch

_PAGE = 4096


class Form(NamedTuple):
    """What each slot of a ring has room for."""

    slots: int
    rows: int
    """The most images of a batch."""
    views: int
    """Rows that each image becomes."""
    image: tuple[int, ...]
    """Shape of a row: (H, W, 3) for uint8, (3, H, W) for float32."""
    dtype: str

    @property
    def image_bytes(self) -> int:
        """Bytes of a batch's images, up to whole pages."""
        exact = self.views * self.rows * math.prod(self.image) * np.dtype(self.dtype).itemsize
        return -(-exact // _PAGE) * _PAGE

    @property
    def slot_bytes(self) -> int:
        """Bytes of a slot: its images, then indices and labels, (rows,) int64 each."""
        return self.image_bytes + -(-16 * self.rows // _PAGE) * _PAGE


class Ring:
    """Slots that each process maps into its own memory; a worker gets the ring as an argument of its process.

    The memory has no name in any file system. So it needs no room in /dev/shm, which containers keep small, and is
    gone with the last process that has it, whatever ended that one.

    Raises:
        OSError: there is no memory for it.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        self._file = _nameless()
        os.ftruncate(self._file, form.slots * form.slot_bytes)
        self._mapped: mmap.mmap | None = None
        self._pinned: np.ndarray | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"form": self.form, "file": DupFd(self._file)}  # where workers are spawned; forked ones have it all

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.form, self._file, self._mapped, self._pinned = state["form"], state["file"].detach(), None, None

    def images(self, slot: int, count: int) -> np.ndarray:
        """The images of a batch of `count` in a slot: (V, count, ...) of the form's dtype, V being the views."""
        form = self.form
        values = form.views * count * math.prod(form.image)
        found = np.frombuffer(self._memory, form.dtype, values, slot * form.slot_bytes)
        return found.reshape(form.views, count, *form.image)

    def indices(self, slot: int, count: int) -> np.ndarray:
        """Which images a slot is for, (count,) int64."""
        return self._numbers(slot, 0, count)

    def labels(self, slot: int, count: int) -> np.ndarray:
        """The labels of a slot's images, (count,) int64."""
        return self._numbers(slot, self.form.rows, count)

    def pin(self) -> None:
        """Lock the memory, so that a GPU copies from it by itself; after the workers have started.

        Where the system does not allow it, copies are slower, and one line says so.
        """
        memory = np.frombuffer(self._memory, np.uint8)
        failed = torch.cuda.cudart().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)
        if int(failed):
            print(f"the loader's {memory.nbytes >> 20} MiB cannot be pinned: copies take longer", file=sys.stderr)
        else:
            self._pinned = memory

    def close(self) -> None:
        """Let go of the memory; what still refers to it keeps it. A second call does nothing."""
        if self._pinned is not None:
            torch.cuda.cudart().cudaHostUnregister(self._pinned.ctypes.data)
        if self._file >= 0:
            os.close(self._file)
        self._pinned, self._mapped, self._file = None, None, -1

    @property
    def _memory(self) -> mmap.mmap:
        if self._mapped is None:
            self._mapped = mmap.mmap(self._file, self.form.slots * self.form.slot_bytes)
        return self._mapped

    def _numbers(self, slot: int, first: int, count: int) -> np.ndarray:
        start = slot * self.form.slot_bytes + self.form.image_bytes + 8 * first
        return np.frombuffer(self._memory, np.int64, count, start)


def _nameless() -> int:
    """The descriptor of a new file without a name, in memory where the system has such files."""
    if sys.platform == "linux":
        return os.memfd_create("pixmix-batches", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
