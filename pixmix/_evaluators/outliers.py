"""The three synthetic out-of-distribution sets, in network-input space: float in [-1, 1], never through uint8.

The sets of the outlier-exposure code (Hendrycks et al., 2019). Nothing is normalised afterwards, so they go to the
`body` of a `Normalized` network. Each image is a function of (seed, its index).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from .._common import philox
from .image_sets import Batch, batch_indices

CHANNELS = 3
# The counter's epoch word tells the sets apart.
GAUSSIAN, RADEMACHER, BLOBS = range(3)


def gaussian(indices: np.ndarray, size: tuple[int, int], *, seed: int) -> np.ndarray:
    """Independent normal values of standard deviation 0.5, clipped to [-1, 1]: (N, 3, H, W) float32."""
    normal = ndtri(_uniforms(indices, size, seed, GAUSSIAN))
    return np.clip(0.5 * normal, -1, 1).astype(np.float32).transpose(0, 3, 1, 2)


def rademacher(indices: np.ndarray, size: tuple[int, int], *, seed: int) -> np.ndarray:
    """Independent values of -1 or 1: (N, 3, H, W) float32."""
    uniforms = _uniforms(indices, size, seed, RADEMACHER)
    return np.where(uniforms < 0.5, np.float32(-1), np.float32(1)).transpose(0, 3, 1, 2)


def blobs(indices: np.ndarray, size: tuple[int, int], *, seed: int) -> np.ndarray:
    """Blurred coin flips of which only the bright blobs are left: (N, 3, H, W) float32.

    Ones with probability 0.7, blurred with sigma 1.5 pixels up to 32 px and 2 above (along the channels, too, as the
    original's call does), values below 0.75 set to 0, then 2x - 1.
    """
    ones = (_uniforms(indices, size, seed, BLOBS) < 0.7).astype(np.float32)
    sigma = 1.5 if min(size) <= 32 else 2.0
    blurred = gaussian_filter(ones, (0, sigma, sigma, sigma), mode="nearest", truncate=4)
    blurred[blurred < 0.75] = 0
    return (2 * blurred - 1).transpose(0, 3, 1, 2)


Outliers = Callable[..., np.ndarray]

SYNTHETIC: dict[str, Outliers] = {"gaussian": gaussian, "rademacher": rademacher, "blobs": blobs}
"""The three sets by name; each is called with (indices, size, seed=...)."""


class SyntheticSet:
    """The first images of a synthetic set, made as they are asked for.

    Args:
        name: of `SYNTHETIC`.
        size: (H, W) of the images.
    """

    def __init__(self, name: str, count: int, size: tuple[int, int], *, seed: int) -> None:
        self.name, self.count, self.size, self.seed = name, count, size, seed

    def __len__(self) -> int:
        return self.count

    def batches(self, batch_size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        for indices in batch_indices(self.count, batch_size, rank, world):
            images = np.ascontiguousarray(SYNTHETIC[self.name](indices, self.size, seed=self.seed))
            yield Batch(images, np.full(len(indices), -1), indices)

    def fingerprint(self) -> str:
        """Empty: name, count, size and seed say all, and stand in the protocol."""
        return ""


def _uniforms(indices: np.ndarray, size: tuple[int, int], seed: int, kind: int) -> np.ndarray:
    """(N, H, W, 3) float64 in (0, 1)."""
    height, width = size
    draws = philox.uniforms(seed, kind, indices, philox.OUTLIERS, height * width * CHANNELS)
    return draws.reshape(len(indices), height, width, CHANNELS)
