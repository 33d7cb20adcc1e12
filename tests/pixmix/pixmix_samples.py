"""Images and pools that the tests of PixMix share, in a module of a name that other processes find, too."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass
class ArrayPool:
    """A pool in memory: what `draw` and the engines ask of `mixset.MixingPool`."""

    images: np.ndarray
    size: tuple[int, int]
    counts: tuple[int, ...]
    weights: tuple[float, ...]


def photographs(count: int, height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """(count, height, width, 3) uint8 with shapes and shades in them, the extremes 0 and 255 among them."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, height, width, 3), np.uint8)
    for n in range(count):
        coarse = rng.integers(0, 256, (rng.integers(2, 7), rng.integers(2, 7), 3), np.uint8)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = rng.normal(0, rng.choice([0, 3, 20]), (height, width, 3))
        images[n] = np.clip(np.asarray(smooth) * 1.3 - 30 + noise, 0, 255).astype(np.uint8)
    return images


def extremes(height: int, width: int) -> dict[str, np.ndarray]:
    """Random and extreme images by name."""
    rng = np.random.default_rng(height * 1000 + width)
    shape = (height, width, 3)
    hot = np.zeros(shape, np.uint8)
    hot[height // 2, width // 2] = (255, 3, 128)
    ramp = np.broadcast_to(np.linspace(0, 255, width).astype(np.uint8)[None, :, None], shape)
    return {
        "noise": rng.integers(0, 256, shape, np.uint8),
        "narrow": rng.integers(100, 130, shape, np.uint8),
        "few values": rng.choice(np.array([0, 1, 254, 255], np.uint8), shape),
        "skewed": (rng.random(shape) ** 6 * 255).astype(np.uint8),
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "constant": np.full(shape, (7, 99, 200), np.uint8),
        "one hot pixel": hot,
        "one dark pixel": 255 - hot,
        "grey": np.repeat(rng.integers(0, 256, (height, width, 1), np.uint8), 3, axis=2),
        "ramp": np.ascontiguousarray(ramp),
    }


def array_pool(size: tuple[int, int] = (32, 32), counts: tuple[int, ...] = (7,), **options: object) -> ArrayPool:
    """A pool of photographs, drawn evenly over its images."""
    shape = (size[0] * 8 // 7, size[1] * 8 // 7)
    weights = options.pop("weights", tuple(count / sum(counts) for count in counts))
    return ArrayPool(photographs(sum(counts), *shape, seed=9), size, counts, weights)


def mappings(folder: Path) -> list[str]:
    """What this process has mapped into its memory from files of a folder: their paths, each marked if it is shared."""
    lines = [line.split(maxsplit=5) for line in Path("/proc/self/maps").read_text().splitlines()]
    found = [(line[5], line[1]) for line in lines if len(line) == 6 and line[5].startswith(str(folder))]
    return [f"{path} {'shared' if access == 'r--s' else access}" for path, access in found]
