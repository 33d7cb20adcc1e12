"""What the tests of engines compare with, and images that are hard for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image
from pixmix_samples import ArrayPool, extremes

from pixmix._augment.settings import OPS
from pixmix._engines.pillow import OP_FUNCTIONS

Photographs = Callable[..., np.ndarray]
Pools = Callable[..., ArrayPool]


def pillows(images: np.ndarray, ops: np.ndarray, levels: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Each image through its op, by Pillow."""
    made = [
        np.asarray(OP_FUNCTIONS[OPS[op]](Image.fromarray(image), float(level), int(sign)))
        for image, op, level, sign in zip(images, ops, levels, signs, strict=True)
    ]
    return np.stack(made)


def off(got: np.ndarray, expected: np.ndarray) -> float:
    """The share of values more than 1/255 apart."""
    assert got.shape == expected.shape and got.dtype == np.float32
    return float(np.mean(np.abs(got - expected) > 1 / 255))


def law_images(
    kind: str, count: int, size: tuple[int, int], photographs: Photographs, array_pool: Pools
) -> tuple[np.ndarray, ArrayPool]:
    """Photographs, or extreme images that are mixed with extreme images."""
    pool = array_pool(size)
    if kind == "photographs":
        return photographs(count, *size, seed=3), pool
    found = list(extremes(*size).values())
    pool.images = np.stack(list(extremes(*pool.images.shape[1:3]).values()))
    pool.counts = (len(pool.images),)
    return np.stack(found)[np.arange(count) % len(found)], pool
