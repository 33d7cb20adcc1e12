"""Reading `.npy` and `.npz` files that may be damaged or hostile: numbers and text only, headers never trusted."""

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
"""The number of bytes within which a header must end; NumPy's own limit is 10,000."""
_NUMBERS, _TEXT = "biuf", "U"
"""The accepted dtypes, as NumPy's one-letter kinds."""


def map_array(path: Path, what: str, remedy: str) -> np.ndarray:
    """Map the array in a `.npy` file into memory, read-only.

    Args:
        path: the file.
        what: what error messages call the file.
        remedy: what error messages advise if it is damaged.

    Raises:
        InputError: the file is missing or not a regular file, its header is damaged or claims more or less data than
            the file holds, or it holds Python objects or records.
    """
    with reading(what, remedy), open_regular(path) as file:
        if not os.fstat(file.fileno()).st_size:
            raise ValueError("the file is empty")
        return _array(np.memmap(file, np.uint8, "r"), _NUMBERS)


def read_archive(path: Path, what: str, remedy: str) -> dict[str, np.ndarray]:
    """Read the arrays of a `.npz` file by name, checked against its CRC-32s and, if it has one, its seal.

    Args:
        path: the file.
        what: what error messages call the file.
        remedy: what error messages advise if it is damaged.

    Raises:
        InputError: as for `map_array`; or it is a single array, or claims to unpack to far more than its size.
    """
    content, _ = read_sealed(path, what, remedy)
    with reading(what, remedy):
        if content.startswith(_NPY):
            raise InputError(f"{what} is a single array, not a .npz archive of named arrays")
        return unpack_arrays(zip_members(content))


def unpack_arrays(members: Mapping[str, bytes]) -> dict[str, np.ndarray]:
    """The arrays of numbers or text in the members of a `.npz` archive; damaged ones raise any exception."""
    named = {name.removesuffix(".npy"): np.frombuffer(member, np.uint8) for name, member in members.items()}
    return {name: _array(raw, _NUMBERS + _TEXT, f"its array {name}") for name, raw in named.items()}


def _array(raw: np.ndarray, kinds: str, it: str = "it") -> np.ndarray:
    """The array in the (n,) uint8 bytes of a whole `.npy` file, as a view; damaged bytes raise any exception."""
    head = io.BytesIO(raw[:_HEADER].tobytes())
    version = np.lib.format.read_magic(head)
    if version == (1, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(head)
    elif version == (2, 0):
        shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(head)
    else:
        raise ValueError(f"format version {version[0]}.{version[1]} is for records, numbers are needed")
    if dtype.kind not in kinds or not dtype.itemsize:
        raise ValueError(f"{it} holds {dtype}, numbers are needed")
    count = 1
    for length in shape:
        if length < 0:
            raise ValueError(f"shape {shape}")
        count *= length
    body = raw[head.tell() :]
    if count * dtype.itemsize != len(body):
        raise ValueError(f"{shape} {dtype} are {count * dtype.itemsize:,} bytes, {it} holds {len(body):,}")
    return body.view(dtype).reshape(shape, order="F" if fortran_order else "C")
