"""PixMix of a batch: the draws for its images, and the engine that applies them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .._engines import find_engine
from .._engines.torch import mix_tensors
from .draws import Key, PoolLike, draw
from .residents import Residents
from .settings import PixMixSettings


def mix_arrays(
    images: np.ndarray, key: Key, indices: np.ndarray, *, settings: PixMixSettings, pool: PoolLike | None, engine: str
) -> np.ndarray:
    """Mix images on the CPU.

    Args:
        images: (N, H, W, 3) uint8.
        key: seed and epoch.
        indices: (N,) the images' positions in their data set.
        pool: the mixing images; None where the partner is the input.
        engine: a name in `pixmix._engines.ENGINES`.

    Returns:
        (N, 3, H, W) float32 in [0, 1].
    """
    mixing_images = None if pool is None else pool.images
    return find_engine(engine)(images, mixing_images, draw(settings, key, indices, pool))


def mix_on_device(
    images: Tensor,
    key: Key,
    indices: np.ndarray,
    *,
    settings: PixMixSettings,
    pool: PoolLike | None,
    residents: Residents,
) -> Tensor:
    """Mix images on whatever device they are, from the same draws as `mix_arrays`.

    Args:
        images: (N, H, W, 3) uint8.
        residents: keeps the mixing images on the device.

    Returns:
        (N, 3, H, W) float32 in [0, 1], channels last in memory.
    """
    mixing_images = None if pool is None else residents.get(pool.images, images.device)
    return mix_tensors(images, mixing_images, draw(settings, key, indices, pool))
