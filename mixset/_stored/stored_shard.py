"""Writing a shard of a training set: the bytes of image files end to end, and an index of them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from .._common.errors import InputError, reason
from .._common.jsons import canonical_json
from .._common.partials import create_locked, partial_of, sync_folder
from .._store.shard_format import FORMAT, TRAINING_VERSION, fixed_width

KIND = "jpeg"
"""What the shards are called in their own attribute; files of other formats may be among them."""
FAMILY = "labelled"
"""What manifests call them where a mixing set's have a family."""
INDEX = np.dtype([("length", "<u4"), ("crc", "<u4"), ("label", "<i4"), ("height", "<u4"), ("width", "<u4")])
"""Of each file: bytes, their CRC-32, the class's index, and the image's sides by its header, 0 if damaged."""


class Member(NamedTuple):
    """An image file to be stored."""

    name: str
    """CLASS/NAME, of any bytes that a system allows in names."""
    content: bytes
    label: int
    shape: tuple[int, int]
    """(H, W) by its header; (0, 0) where that cannot be read."""


class StoredHash:
    """The SHA-256 of a shard's index, names and bytes."""

    def __init__(self, index: np.ndarray, names: np.ndarray) -> None:
        self._digest = hashlib.sha256(f"{KIND}:{len(index)}:{len(names)}:".encode())
        self._digest.update(index.tobytes())
        self._digest.update(names.tobytes())

    def add(self, content: bytes) -> None:
        """Add the next file's bytes."""
        self._digest.update(content)

    def value(self) -> str:
        """The hash in hexadecimal."""
        return self._digest.hexdigest()


def write_stored_shard(path: Path, members: Sequence[Member], *, recipe: dict[str, Any], start_index: int) -> None:
    """Write a shard, whole or not at all; its bytes depend on the arguments and HDF5's version alone.

    Args:
        path: the file; its folder is there.
        members: at least one.
        recipe: what determines the set, as JSON values.
        start_index: the place of the first member in the set's source.

    Raises:
        InputError: the disk is full, or the folder cannot be written.
    """
    rows = [(len(one.content), zlib.crc32(one.content), one.label, *one.shape) for one in members]
    index = np.array(rows, INDEX)
    names = np.frombuffer(b"".join(os.fsencode(one.name) + b"\0" for one in members), np.uint8)
    digest = StoredHash(index, names)
    for one in members:
        digest.add(one.content)
    attributes = {
        "format": FORMAT,
        "format_version": TRAINING_VERSION,
        "kind": KIND,
        "recipe": canonical_json(recipe),
        "start_index": start_index,
        "content_hash": digest.value(),
    }
    partial = partial_of(path)
    try:
        with contextlib.ExitStack() as cleaning:
            lock = create_locked(partial)
            cleaning.callback(os.close, lock)
            cleaning.callback(partial.unlink, missing_ok=True)
            with h5py.File(partial, "w", libver=("v110", "v110"), locking=False, track_times=False) as file:
                _fill(file, members, index, names)
                for name, value in attributes.items():
                    file.attrs[name] = fixed_width(value) if isinstance(value, str) else value
            os.fsync(lock)
            os.replace(partial, path)
            sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        raise InputError(f"cannot write {path}: {reason(error)}; free space or choose another folder") from error


def _fill(file: h5py.File, members: Sequence[Member], index: np.ndarray, names: np.ndarray) -> None:
    for name, column in (("index", index), ("names", names)):
        file.create_dataset(name, data=column, chunks=column.shape, maxshape=column.shape, fletcher32=True)
    # In one piece and without filters, so that a reader needs no HDF5 to find a file's bytes.
    content = file.create_dataset("bytes", shape=(int(index["length"].sum(dtype=np.int64)),), dtype=np.uint8)
    start = 0
    for one in members:
        stop = start + len(one.content)
        if stop > start:
            content[start:stop] = np.frombuffer(one.content, np.uint8)
        start = stop
