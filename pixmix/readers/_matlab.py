"""Reading a uint8 array from a MATLAB 5 file, such as SVHN's, without SciPy, which damaged files can crash."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError, reading
from mixset._common.regular import read_regular

_HEADER = 128
_INT8, _UINT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 2, 5, 6, 14, 15
"""MATLAB's element types."""
_UINT8_CLASS = 9
"""MATLAB's class of uint8 arrays."""
_CLASSES = {6: "float64", 7: "float32", 8: "int8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32"}
_RATIO, _ROOM = 100, 1 << 26
"""An element may unpack to `_RATIO` times its size plus `_ROOM` bytes."""


def read_bytes_array(path: Path, name: str, remedy: str) -> np.ndarray:
    """Read the uint8 array `name` of any shape; it is read-only.

    Args:
        path: a MATLAB 5 file.
        name: the name of the array.
        remedy: what error messages advise if the file is damaged.

    Raises:
        InputError: the file cannot be read, is not a MATLAB 5 file or damaged, or has no such uint8 array.
    """
    with reading(str(path), remedy):
        content = read_regular(path)
        order = {b"IM": "<", b"MI": ">"}.get(content[126:_HEADER], "")
        if not order or struct.unpack_from(f"{order}H", content, 124) != (0x100,):
            raise ValueError("it is not a MATLAB 5 file")
        index = _HEADER
        while index < len(content):
            kind, body, index = _element(content, index, order, padded=False)
            if kind == _COMPRESSED:
                kind, body, _ = _element(_decompress(body), 0, order)
            if kind == _MATRIX and (array := _array(body, name, order, path)) is not None:
                return array
    raise InputError(f"{path}: has no array {name}; {remedy}")


def _element(content: bytes, index: int, order: str, *, padded: bool = True) -> tuple[int, bytes, int]:
    """The type and bytes of the element at `index`, and the index of the next one."""
    kind, size = struct.unpack_from(f"{order}II", content, index)
    start, stop = index + 8, index + 8 + size
    if kind >> 16:  # a small element keeps its size and bytes within the eight of the tag
        kind, size, start = kind & 0xFFFF, kind >> 16, index + 4
        stop = start + size
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
    if stop > len(content):
        raise ValueError(f"an element of {size:,} bytes, {len(content) - start:,} remain")
    after = max(stop, index + 8)
    return kind, content[start:stop], after + (-after % 8 if padded else 0)


def _decompress(body: bytes) -> bytes:
    limit = _RATIO * len(body) + _ROOM
    stream = zlib.decompressobj()
    content = stream.decompress(body, limit)
    if not stream.eof or stream.unused_data:
        raise ValueError(f"{len(body):,} bytes are truncated, or unpack to more than {limit:,}")
    return content


def _array(body: bytes, name: str, order: str, path: Path) -> np.ndarray | None:
    """The array in a matrix element, or None if its name is not `name`."""
    flags, index = _part(body, 0, order, _UINT32)
    dimensions, index = _part(body, index, order, _INT32)
    label, index = _part(body, index, order, _INT8)
    if label != name.encode():
        return None
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions)
    kind = struct.unpack_from(f"{order}I", flags)[0] & 0xFF
    if kind != _UINT8_CLASS:
        raise InputError(f"{path}: {name} holds {_CLASSES.get(kind, 'no numbers')} {shape}, needed is uint8")
    values, _ = _part(body, index, order, _UINT8)
    if min(shape) < 0 or math.prod(shape) != len(values):
        raise ValueError(f"{name} claims {shape} bytes, it has {len(values):,}")
    return np.frombuffer(values, np.uint8).reshape(shape, order="F")


def _part(body: bytes, index: int, order: str, expected: int) -> tuple[bytes, int]:
    kind, content, after = _element(body, index, order)
    if kind != expected:
        raise ValueError(f"an element of type {kind} instead of {expected}")
    return content, after
