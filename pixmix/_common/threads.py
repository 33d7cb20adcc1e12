"""Compiled kernels over a batch of images, on all cores or on one."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from mixset._common.cores import usable_cores


def run(
    kernel: Callable[..., None], count: int, arguments: Sequence[Any], *, values: int, threads: int | None = None
) -> None:
    """Call `kernel(first, last, *arguments)` for ranges that make up `count` images; it must let go of the GIL.

    Args:
        values: how many the kernel writes; few are not worth threads.
        threads: how many to use; default: one in a worker process, else `$OMP_NUM_THREADS`, else one a core.
    """
    threads = min(threads or _usual_threads(values), count)
    if threads <= 1:
        kernel(0, count, *arguments)
        return
    # More pieces than threads: images cost from nothing (no op, no round) to several times the mean.
    bounds = np.linspace(0, count, min(4 * threads, count) + 1).astype(int).tolist()
    tasks = [_threads(os.getpid(), threads).submit(kernel, first, last, *arguments) for first, last in pairwise(bounds)]
    for task in tasks:
        task.result()


def read_only(array: np.ndarray) -> np.ndarray:
    """A contiguous read-only plain array: one kind of argument, so that a kernel is compiled once."""
    array = np.ascontiguousarray(array).view(np.ndarray)
    array.flags.writeable = False
    return array


@cache
def _threads(process: int, threads: int) -> ThreadPoolExecutor:
    """A thread pool of this process: a forked child inherits its parent's, but not the threads in it."""
    return ThreadPoolExecutor(threads, thread_name_prefix="pixmix")


def _usual_threads(values: int) -> int:
    if values < 1 << 17 or multiprocessing.parent_process() is not None:  # tens of microseconds' work, or a worker
        return 1
    stated = os.environ.get("OMP_NUM_THREADS", "")  # torchrun sets it, so that its processes share the cores
    return int(stated) if stated.isdecimal() and int(stated) else usable_cores()
