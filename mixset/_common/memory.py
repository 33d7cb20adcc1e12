"""Memory that a process keeps for its next array."""

from __future__ import annotations

import contextlib
import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep the memory of freed arrays, up to some GB, instead of giving it back.

    By default glibc returns the large blocks of a network's pass to the system and takes them anew, page by page, in
    the next one, at a cost that shows in each step on a CPU. Does nothing where the C library is another one.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
