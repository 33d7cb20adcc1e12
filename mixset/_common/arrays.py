"""NumPy's files, `.npy` and `.npz`, as foreign files are read: numbers and text alone, every claim compared."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .errors import InputError, reading
from .regular import open_regular
from .seals import read_sealed
from .zips import zip_members

_NPY = b"\x93NUMPY"
_HEADER = 1 << 16
"""Bytes within which a header must end; NumPy's own limit is 10,000."""
_NUMBERS, _TEXT = "biuf", "U"
"""Kinds of dtypes."""


def map_array(path: Path, what: str, remedy: str) -> np.ndarray:
    """The array in an `.npy` file, mapped into memory, read-only.

    Args:
        what: the file as an error names it.
        remedy: what to do where it is damaged.

    Raises:
        InputError: there is no such file, it is no regular one, its header is damaged or claims more or less than the
            file holds, or it holds Python objects or records.
    """
    with reading(what, remedy), open_regular(path) as file:
        if not os.fstat(file.fileno()).st_size:
            raise ValueError("the file is empty")
        return _array(np.memmap(file, np.uint8, "r"), _NUMBERS)


def read_archive(path: Path, what: str, remedy: str) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name, in memory: compared with its seal, where it has one, and its CRC-32s.

    Args:
        what: the file as an error names it.
        remedy: what to do where it is damaged.

    Raises:
        InputError: as `map_array`; or it is one array, or claims to unpack to far more than it is.
    """
    content, _ = read_sealed(path, what, remedy)
    with reading(what, remedy):
        if content.startswith(_NPY):
            raise InputError(f"{what} is one array, and no .npz archive of arrays by name")
        return unpack_arrays(zip_members(content))


def unpack_arrays(members: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """The arrays of numbers or text in the members of an `.npz` archive. What is wrong with one raises anything."""
    return {
        name.removesuffix(".npy"): _array(np.frombuffer(member, np.uint8), _NUMBERS + _TEXT)
        for name, member in members.items()
    }


def _array(raw: np.ndarray, kinds: str) -> np.ndarray:
    """The array in the (n,) uint8 of a whole `.npy` file, as a view. What is wrong with it raises anything."""
    head = io.BytesIO(raw[:_HEADER].tobytes())
    version = np.lib.format.read_magic(head)
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(head)
    elif version == (2, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(head)
    else:
        raise ValueError(f"format version {version[0]}.{version[1]} is for records, numbers are needed")
    if dtype.kind not in kinds or not dtype.itemsize:
        raise ValueError(f"it holds {dtype}, numbers are needed")
    count = 1
    for length in shape:
        if length < 0:
            raise ValueError(f"shape {shape}")
        count *= length
    body = raw[head.tell() :]
    if count * dtype.itemsize != len(body):
        raise ValueError(f"{shape} {dtype} are {count * dtype.itemsize:,} bytes, it holds {len(body):,}")
    return body.view(dtype).reshape(shape, order="F" if by_columns else "C")
