"""Images and damage for the store's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

MakeSet = Callable[..., Path]


def noise(count: int, shape: tuple[int, int] = (16, 16), seed: int = 0) -> np.ndarray:
    """(count, H, W, 3) uint8"""
    return np.random.default_rng(seed).integers(0, 256, (count, *shape, 3), np.uint8)


def flip(path: Path, needle: bytes) -> None:
    """Change one bit of a file where `needle` begins."""
    data = bytearray(path.read_bytes())
    data[data.index(needle)] ^= 1
    path.write_bytes(data)
