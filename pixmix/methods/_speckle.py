"""Speckle noise (Rusak et al., 2020): noise in proportion to brightness on a part of each batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .._common import keyed
from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey
from ._settings import SpeckleSettings


class Speckle(Method):
    """x + x sigma N(0, 1), cut off at [0, 1], on the first images of each batch; "Speckle" in Table 7 of the paper.

    Batches are shuffled, so the first images are any. The original (bethgelab/game-of-noise) gives half of them
    noise, whose sigma is drawn for each image from five.

    Args:
        settings: strengths and share.
    """

    name = "speckle"
    keys = ("step",)

    def __init__(self, settings: SpeckleSettings | None = None) -> None:
        self.settings = settings or SpeckleSettings()

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        return StepDraws({"sigmas": np.array(self.settings.sigmas, np.float32)}, noise=True)

    @torch.no_grad()
    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        assert draws.random is not None
        count = round(self.settings.share * len(images))
        random, sigmas = draws.random, draws.values["sigmas"]
        sigma = sigmas[torch.randint(len(sigmas), (count, 1, 1, 1), generator=random, device=images.device)]
        clean = images[:count]
        noisy = images.clone()
        noise = keyed.normals(count, (images.shape[2], images.shape[3]), random)
        noisy[:count] = (clean + clean * sigma * noise).clamp(0, 1)
        return noisy, labels


def make(name: str, setting: Setting) -> Method:
    """Speckle noise."""
    return Speckle(setting.settings.speckle)
