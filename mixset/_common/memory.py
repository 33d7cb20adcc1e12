"""Tuning of the C library's memory allocator."""

from __future__ import annotations

import contextlib
import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def keep_freed_memory(worker: int = 0) -> None:
    """Let this process keep the memory of freed arrays, up to some GB, instead of giving it back.

    By default glibc returns large blocks to the system and takes them anew, page by page: a cost that shows in each
    step of a network on a CPU, and a third of the time in which a loader's worker decodes an image of some hundred
    pixels. Does nothing where the C library is another one.

    It is a setting of the whole process, so the library calls it in no process that is not its own: the commands do,
    and the workers that they start. In a loader of yours: `DataLoader(..., worker_init_fn=mixset.keep_freed_memory)`.

    Args:
        worker: ignored; it is there because a `DataLoader` passes each worker its number.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
