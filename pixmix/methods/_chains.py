"""What AugMix and IPMix do with their chains: weigh them, and lay them over the image."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mixset._common.kernels import kernel


@kernel
def add_weighted(values: np.ndarray, weight: np.float32, total: np.ndarray) -> None:
    """Add weight · values / 255, of flat uint8, to a flat float32 total."""
    for i in range(total.size):
        total[i] += weight * (np.float32(values[i]) / np.float32(255))


@kernel
def share_out(values: np.ndarray, share: np.float32, mixture: np.ndarray) -> None:
    """(1 − share) · values + share · mixture, in place; weights that sum to 1 but for rounding may exceed it."""
    rest = np.float32(1) - share
    for i in range(mixture.size):
        mixed = rest * (np.float32(values[i]) / np.float32(255)) + share * mixture[i]
        mixture[i] = min(mixed, np.float32(1))


def lay_over(images: Tensor, chains: Tensor, weights: Tensor, share: Tensor, mixed: Tensor) -> None:
    """Both of the above for tensors.

    Args:
        images: (N, H, W, 3) uint8.
        chains: (width, N, H, W, 3) uint8.
        weights: (width, N) float32.
        share: (N,) float32, of the chains; the image has the rest.
        mixed: (N, H, W, 3) float32, written.
    """
    mixed.zero_()
    for chain, weight in zip(chains, weights, strict=True):
        mixed += weight[:, None, None, None] * (chain / 255)
    share = share[:, None, None, None]
    mixed.mul_(share).add_((1 - share) * (images / 255)).clamp_(max=1)
