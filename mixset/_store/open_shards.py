"""The shards that a process has open: fewer than it may, each read by one thread at a time."""

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
"""Shards kept open in a process; a set may have more than a process may open."""


class OpenShards:
    """Shards opened on first use, the least used closed first; none in a forked process."""

    def __init__(self) -> None:
        self.files: OrderedDict[Path, tuple[h5py.File, h5py.Dataset]] = OrderedDict()
        with _lock:
            _all.add(self)

    def __reduce__(self) -> tuple[type[OpenShards], tuple[()]]:
        return OpenShards, ()

    def read(self, path: Path, index: int) -> np.ndarray:
        """Image `index` of the shard at `path`, (H, W, 3) uint8; threads may call.

        Raises:
            InputError: as `open_shard` and `read_image`.
        """
        # HDF5 has one lock for all threads, so this one costs nothing; a file is not closed while it is read.
        with _lock:
            if path in self.files:
                self.files.move_to_end(path)
            else:
                self._open(path)
            return read_image(self.files[path][1], path, index)

    def _open(self, path: Path) -> None:
        _close_but(_most() - 1)
        try:
            file = open_shard(path)
        except InputError:
            if not _close_but(0):
                raise
            file = open_shard(path)  # others may hold what this process may open
        try:
            self.files[path] = file, open_images(file, path)
        except BaseException:
            file.close()
            raise


_lock = threading.Lock()
_all: weakref.WeakSet[OpenShards] = weakref.WeakSet()


def _most() -> int:
    """A quarter of the files that this process may open, for it has others, but no more than `MOST`."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // 4))


def _close_but(count: int) -> int:
    """Close shards until the process has at most `count` open; how many were closed."""
    closed = 0
    while (most := max(_all, key=lambda one: len(one.files), default=None)) is not None and (
        sum(len(one.files) for one in _all) > count
    ):
        most.files.popitem(last=False)[1][0].close()
        closed += 1
    return closed


def _forget() -> None:
    """In a child: a thread of the parent's may hold the lock for ever, and positions in files are shared."""
    global _lock
    _lock = threading.Lock()
    for one in _all:
        one.files = OrderedDict()


os.register_at_fork(after_in_child=_forget)
