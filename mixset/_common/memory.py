"""Tuning of the C library's memory allocator."""

from __future__ import annotations

import contextlib
import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep up to 2 GB of freed memory for its next arrays instead of returning it to the system.

    By default glibc returns the large blocks of a forward pass to the system and faults them in again, page by page,
    in the next pass, which slows down every step on a CPU. Does nothing with other C libraries.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
