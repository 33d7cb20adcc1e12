"""Reading the index of a shard of a training set, which may be damaged or hostile: its claims are checked."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .._common.errors import DamagedImage, reading
from .._common.jsons import parse_object
from .._common.regular import check_regular, open_regular
from .._store.claims import attribute, check_claim, own_dataset, text_attribute
from .._store.shard_format import FORMAT, MOST_INDEX, TRAINING_VERSION, hash_text, whole_number
from .stored_shard import INDEX, KIND, StoredHash

REMEDY = "run the import that made the set again"
MOST_BYTES = 512 << 20
"""The largest image file in bytes, which bounds what a shard can make its reader allocate."""
_EMPTY = (b"//", b"/\0", b"\0/", b"\0\0")
_DOTS = tuple(before + dots + after for before in (b"/", b"\0") for dots in (b".", b"..") for after in (b"/", b"\0"))
"""In names between zero bytes: a part that is empty, . or .. ; joined to a folder such a name could lead out of it."""


@dataclass(frozen=True)
class StoredIndex:
    """What a shard says of its files."""

    path: Path
    """The shard's file."""
    recipe: dict[str, Any]
    """What determines the set, as JSON values."""
    start_index: int
    """The place of its first file in the set's source."""
    rows: np.ndarray
    """(N,) of `INDEX`."""
    starts: np.ndarray
    """(N,) int64: where each file's bytes begin in the shard."""
    names: np.ndarray
    """CLASS/NAME of each file, followed by a zero byte; uint8."""
    content_hash: str
    """The hash of index, names and bytes."""

    @property
    def count(self) -> int:
        """How many files it has."""
        return len(self.rows)


def read_index(path: Path) -> StoredIndex:
    """Read what the shard at `path` says of its files, none of whose bytes are read.

    Raises:
        InputError: it is missing, cannot be read, or is something else.
        DamagedImage: it is damaged or cut, or claims what cannot be.
    """
    with reading(f"shard {path}", REMEDY, damage=DamagedImage):
        check_regular(path)
        with h5py.File(path, "r", locking=False) as file:
            kind = (text_attribute(file, "format"), attribute(file, "format_version"), text_attribute(file, "kind"))
            if kind != (FORMAT, TRAINING_VERSION, KIND):
                raise ValueError("not of a training set")
            return _read(path, file)


def _read(path: Path, file: h5py.File) -> StoredIndex:
    size = os.stat(path).st_size
    index, names, content = (own_dataset(file, name) for name in ("index", "names", "bytes"))
    for column, dtype in ((index, INDEX), (names, np.dtype(np.uint8))):
        if column.dtype != dtype or column.ndim != 1 or column.chunks != column.shape:
            raise ValueError(f"{column.name} has another type or layout")
        check_claim(column, size, [])
    if content.dtype != np.uint8 or content.ndim != 1 or content.chunks is not None:
        raise ValueError("its bytes have another type or layout")
    # HDF5 gives no place to data of no bytes, or that were never written.
    first = content.id.get_offset() if content.size else 0
    if first is None or content.id.get_create_plist().get_nfilters() or first + content.size > size:
        raise ValueError(f"bytes claims {content.size:,} bytes, which the file does not have")
    rows, packed = index[:], names[:]
    lengths = rows["length"].astype(np.int64)
    if lengths.sum() != content.size or lengths.max() > MOST_BYTES:
        raise ValueError("the lengths of its files disagree with its bytes")
    if np.count_nonzero(packed == 0) != len(rows) or packed[-1] != 0 or rows["label"].min() < 0:
        raise ValueError("its names or labels disagree with its index")
    if _leads_out(packed):
        raise ValueError("a name in it leads out of its folder")
    return StoredIndex(
        path=path,
        recipe=parse_object(text_attribute(file, "recipe")),
        start_index=whole_number(attribute(file, "start_index"), 0, MOST_INDEX),
        rows=rows,
        starts=first + np.cumsum(lengths) - lengths,
        names=packed,
        content_hash=hash_text(text_attribute(file, "content_hash")),
    )


def _leads_out(names: np.ndarray) -> bool:
    """Whether one of some names could lead out of a folder that it is joined to."""
    between = b"\0" + names.tobytes()
    if any(part in between for part in _EMPTY):
        return True
    hidden = b"/." in between or b"\0." in between
    return hidden and any(part in between for part in _DOTS)


def wrong_checksums(index: StoredIndex) -> Iterator[int]:
    """Yield the number of each file whose bytes are not what was written.

    Raises:
        DamagedImage: all checksums fit, but the content hash does not.
    """
    damaged, digest = False, StoredHash(index.rows, index.names)
    with open_regular(index.path) as file:
        file.seek(int(index.starts[0]))
        for number, (length, crc) in enumerate(index.rows[["length", "crc"]].tolist()):
            content = file.read(length)
            digest.add(content)
            if len(content) != length or zlib.crc32(content) != crc:
                damaged = True
                yield number
    if not damaged and digest.value() != index.content_hash:
        raise DamagedImage(f"shard {index.path} is damaged: its content hash does not match; {REMEDY}")
