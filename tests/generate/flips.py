"""Files with one bit turned over: each is refused in one line, or what is read of it is what was written."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from mixset._common.errors import InputError


def flipped(content: bytes, count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """Copies of the bytes with one bit turned over, at `count` drawn places."""
    for index in random.Random(seed).choices(range(8 * len(content)), k=count):
        changed = bytearray(content)
        changed[index // 8] ^= 1 << index % 8
        yield index, bytes(changed)


def outcomes(path: Path, read: Callable[[Path], Any], count: int, seed: int = 0) -> Counter[str]:
    """How many flips of the file are refused and how many harmless; any other outcome is an AssertionError."""
    content, found = path.read_bytes(), Counter[str]()
    whole = read(path)
    for index, changed in flipped(content, count, seed):
        path.write_bytes(changed)
        try:
            now = read(path)
        except InputError as error:
            assert "\n" not in str(error)
            found["refused"] += 1
        else:
            assert same(now, whole), f"bit {index % 8} of byte {index // 8} of {path.name} is used"
            found["harmless"] += 1
    path.write_bytes(content)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two nested values are alike, tensors to the bit."""
    if isinstance(one, Tensor):
        alike = isinstance(other, Tensor) and (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and bits(one) == bits(other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def bits(tensor: Tensor) -> bytes:
    return tensor.contiguous().numpy().tobytes()
