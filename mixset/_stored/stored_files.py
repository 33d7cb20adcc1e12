"""The files in the shards of a training set, read one by one, each by its checksum."""

from __future__ import annotations

import hashlib
import io
import operator
import os
import resource
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._common.errors import DamagedImage, reading
from .._common.packed_names import PackedNames
from .._common.regular import open_regular
from .stored_index import REMEDY, StoredIndex


class StoredFile(NamedTuple):
    """An image file in a shard; may be sent to other processes."""

    shard: Path
    start: int
    """Where its bytes begin in the shard."""
    length: int
    """How many they are."""
    crc: int
    """Their CRC-32."""
    name: str
    """CLASS/NAME."""

    def content(self) -> bytes:
        """Its bytes; any thread may call this.

        Raises:
            InputError: the shard cannot be read.
            DamagedImage: they are not what was written.
        """
        with reading("its shard", REMEDY, damage=DamagedImage):
            content = os.pread(_open(self.shard).fileno(), self.length, self.start)
            if len(content) != self.length:
                raise ValueError("cut")
            if zlib.crc32(content) != self.crc:
                raise ValueError("its checksum does not match")
            return content

    def __str__(self) -> str:
        return f"{self.name} in {self.shard}"


class StoredFiles(Sequence[StoredFile]):
    """The files of a set's shards in their order, or some of them.

    Args:
        shards: at least one.
    """

    def __init__(self, shards: Sequence[StoredIndex]) -> None:
        self._paths = [shard.path for shard in shards]
        self._hashes = [shard.content_hash for shard in shards]
        self._first = np.cumsum([0, *(shard.count for shard in shards)])
        self._starts = np.concatenate([shard.starts for shard in shards])
        self._rows = np.concatenate([shard.rows[["length", "crc"]] for shard in shards])
        self.names = PackedNames(np.concatenate([shard.names for shard in shards]))
        """CLASS/NAME of all files of the shards."""
        self._order: np.ndarray | None = None
        """Which of the files these are; None: all, in their order."""
        for path in self._paths:  # what this process has open may have been made again
            _files.pop(path, None)

    def take(self, indices: np.ndarray) -> StoredFiles:
        """The files at `indices`, (n,) whole numbers."""
        some = object.__new__(StoredFiles)
        some.__dict__.update(self.__dict__)
        some._order = np.arange(len(self))[indices] if self._order is None else self._order[indices]
        return some

    def stamps(self) -> Iterator[bytes]:
        """What identifies the files: their shards' content hashes, and which of them these are; reads none."""
        yield "\n".join(self._hashes).encode()
        yield np.arange(len(self)).tobytes() if self._order is None else self._order.astype(np.int64).tobytes()

    def length(self) -> int:
        """How many bytes they have together."""
        rows = self._rows if self._order is None else self._rows[self._order]
        return int(rows["length"].sum(dtype=np.int64))

    def content_hash(self) -> str:
        """A hash that identifies the files and their order."""
        return hashlib.sha256(b"".join(self.stamps())).hexdigest()

    def __len__(self) -> int:
        return len(self._starts if self._order is None else self._order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        place = range(len(self))[operator.index(index)]
        number = place if self._order is None else int(self._order[place])
        shard = int(np.searchsorted(self._first, number, "right")) - 1
        length, crc = self._rows[number].tolist()
        return StoredFile(self._paths[shard], int(self._starts[number]), length, crc, self.names[number])


_files: OrderedDict[Path, io.BufferedReader] = OrderedDict()
"""Shards that this process has open. Only `pread` is used on them, so forked processes may share them."""


def _open(path: Path) -> io.BufferedReader:
    """A shard opened for reading; the oldest are let go of, and closed once no other thread reads from them."""
    file = _files.get(path)
    if file is None:
        while len(_files) >= _most():
            _files.popitem(last=False)
        file = _files[path] = open_regular(path)
    return file


def _most() -> int:
    """How many shards to keep open: half of the files that this process may open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 4096 if soft == resource.RLIM_INFINITY else max(1, min(4096, soft // 2))
