"""Pictures and pools that the tests of PixMix share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixmix


def _drop_stale_kernels() -> None:
    """Numba's cache notices a change in a kernel's own file, not in those it calls: drop what is older than any."""
    folder = Path(pixmix.__file__).parent
    kernels = [path for path in folder.rglob("*.py") if "from numba import" in path.read_text()]
    newest = max(path.stat().st_mtime for path in kernels)
    for compiled in folder.rglob("*.nbi"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)


_drop_stale_kernels()


@dataclass
class ArrayPool:
    """A pool in memory: what `draw` and the engines ask of `mixset.MixingPool`."""

    pictures: np.ndarray
    size: tuple[int, int]
    counts: tuple[int, ...]
    weights: tuple[float, ...]


def photographs(count: int, height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """(count, height, width, 3) uint8 with shapes and shades in them, the extremes 0 and 255 among them."""
    rng = np.random.default_rng(seed)
    pictures = np.empty((count, height, width, 3), np.uint8)
    for n in range(count):
        coarse = rng.integers(0, 256, (rng.integers(2, 7), rng.integers(2, 7), 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = rng.normal(0, rng.choice([0, 3, 20]), (height, width, 3))
        pictures[n] = np.clip(np.asarray(smooth) * 1.3 - 30 + noise, 0, 255).astype(np.uint8)
    return pictures


def array_pool(size: tuple[int, int] = (32, 32), counts: tuple[int, ...] = (7,), **options: object) -> ArrayPool:
    """A pool of photographs, drawn evenly over its pictures."""
    shape = (size[0] * 8 // 7, size[1] * 8 // 7)
    weights = options.pop("weights", tuple(count / sum(counts) for count in counts))
    return ArrayPool(photographs(sum(counts), *shape, seed=9), size, counts, weights)  # type: ignore[arg-type]


@pytest.fixture(scope="session", name="photographs")
def _photographs():
    return photographs


@pytest.fixture(scope="session", name="array_pool")
def _array_pool():
    return array_pool
