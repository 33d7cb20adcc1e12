"""The random moves of the images while they are optimised: lucent's five transformations in one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# lucent's ranges of rotation and scale. It shifts right and down by 0 to 7 and then by 0 to 3 whole pixels; here shifts
# are relative to a side of 224.
ROTATION, SCALE, SHIFTS, SIDE = math.radians(10.0), 0.1, (8, 4), 224
LARGEST = 1 / 8
"""The longest shift for the sake of patches, in sides of the image; a longer one would move it out of the frame."""


class RandomAffine:
    """Rotates, scales and shifts each image at random at each step: lucent's five transformations in one.

    Borders are reflected, as the network would see grey borders as edges.

    Args:
        randoms: a generator for each image.
        steps: how often the images are moved.
        device: where they are.
        patch: the side of a patch of a vision transformer in sides of the image: shifts reach as far, up to 1/8, so
            that the borders of patches do not show.
    """

    def __init__(
        self, randoms: Sequence[np.random.Generator], steps: int, device: torch.device, patch: float = 0.0
    ) -> None:
        uniform = np.stack([random.random((steps, 6), np.float32) for random in randoms], 1)
        turn, scale = (uniform[..., 0] * 2 - 1) * ROTATION, 1 + (uniform[..., 1] * 2 - 1) * SCALE
        reach = max(SHIFTS[0], round(min(patch, LARGEST) * SIDE))
        shifts = np.floor(uniform[..., 2:4] * reach) + np.floor(uniform[..., 4:6] * SHIFTS[1])
        rows = np.empty((*turn.shape, 2, 3), np.float32)
        rows[..., 0, 0] = rows[..., 1, 1] = np.cos(turn) / scale
        rows[..., 1, 0] = np.sin(turn) / scale
        rows[..., 0, 1] = -rows[..., 1, 0]
        rows[..., 2] = shifts * (-2 / SIDE)  # the sampling grid, from -1 to 1, moves in the opposite direction
        self.rows = torch.from_numpy(rows).to(device)
        self.step = 0

    def __call__(self, images: Tensor) -> Tensor:
        side = images.shape[-1]
        indices = (torch.arange(side, device=images.device) * 2 + 1) / side - 1
        along, down, shift = self.rows[self.step, :, None, None].unbind(-1)
        # Like functional.affine_grid, but four times as fast on a CPU.
        grid = indices[:, None] * along + (indices[:, None, None] * down + shift)
        self.step += 1
        return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
