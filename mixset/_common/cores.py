"""The number of cores that this process may use, and of workers."""

from __future__ import annotations

import os

from .arguments import check_whole

MOST_WORKERS = 1024


def usable_cores() -> int:
    """The cores in this process's affinity mask; on macOS, which has none, all cores of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_workers(workers: int | None) -> int:
    """The number of workers; None means one per usable core. InputError unless it is from 1 to 1,024."""
    return usable_cores() if workers is None else check_whole("workers", workers, low=1, high=MOST_WORKERS)
