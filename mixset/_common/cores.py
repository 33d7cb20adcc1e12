"""How many cores this process may use."""

from __future__ import annotations

import os

from .arguments import check_whole

MOST_WORKERS = 1024


def usable_cores() -> int:
    """The cores of this process's affinity; all of the machine's where the system (macOS) has no such thing."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_workers(workers: int | None) -> int:
    """How many workers are asked for; None: one for each usable core. InputError out of 1 to 1,024."""
    return usable_cores() if workers is None else check_whole("workers", workers, low=1, high=MOST_WORKERS)
