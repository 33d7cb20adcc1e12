"""A cache of open shards, bounded by the process's limit of open files and safe to use from threads and forks."""

from __future__ import annotations

import os
import resource
import threading
import weakref
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np

from .._common.errors import InputError
from .shards import open_images, open_shard, read_image

MOST = 64
"""The most shards that are kept open in a process; a set may have more than a process can open."""


class OpenShards:
    """Shards opened on first use; the least recently used is closed first, and a forked process starts with none."""

    def __init__(self) -> None:
        self.files: OrderedDict[Path, tuple[h5py.File, h5py.Dataset]] = OrderedDict()
        with _lock:
            _all.add(self)

    def __reduce__(self) -> tuple[type[OpenShards], tuple[()]]:
        return OpenShards, ()

    def read(self, path: Path, index: int) -> np.ndarray:
        """Read image `index` of the shard at `path`, (H, W, 3) uint8; any thread may call this.

        Raises:
            InputError: as for `open_shard` and `read_image`.
        """
        # HDF5 has one lock for all threads, so ours costs nothing; it keeps a file from being closed while it is read.
        with _lock:
            if path in self.files:
                self.files.move_to_end(path)
            else:
                self._open(path)
            return read_image(self.files[path][1], path, index)

    def _open(self, path: Path) -> None:
        _close_but(_limit() - 1)
        try:
            file = open_shard(path)
        except InputError:
            if not _close_but(0):
                raise
            file = open_shard(path)  # the process may have run out of file descriptors
        try:
            self.files[path] = file, open_images(file, path)
        except BaseException:
            file.close()
            raise


_lock = threading.Lock()
_all: weakref.WeakSet[OpenShards] = weakref.WeakSet()


def _limit() -> int:
    """How many shards to keep open: `MOST`, but at most a quarter of the files that this process may open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // 4))


def _close_but(count: int) -> int:
    """Close shards until the process has at most `count` open; returns how many were closed."""
    closed = 0
    while (largest := max(_all, key=lambda shards: len(shards.files), default=None)) is not None and (
        sum(len(shards.files) for shards in _all) > count
    ):
        largest.files.popitem(last=False)[1][0].close()
        closed += 1
    return closed


def _reset_after_fork() -> None:
    """Start afresh in a forked child: a thread of the parent may hold the lock, and file offsets are shared."""
    global _lock
    _lock = threading.Lock()
    for shards in _all:
        shards.files = OrderedDict()


os.register_at_fork(after_in_child=_reset_after_fork)
