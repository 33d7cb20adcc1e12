"""Logits of PGD's adversaries of images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common.attack import PGDSettings
from .attacks import Ball, pgd
from .forwarding import to_device
from .image_sets import Batch


class Attacked:
    """A forward pass of a batch's adversaries, for `run_batches`.

    Args:
        network: takes images in [0, 1].
        device: where it is.
        settings: of the attack.
        ball: what the adversaries stay around.
        classes: how many classes the network tells apart.
        seed: of the random start.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, settings: PGDSettings, *, ball: Ball, classes: int, seed: int
    ) -> None:
        self.network, self.device, self.settings = network, device, settings
        self.ball, self.classes, self.seed = ball, classes, seed

    def __call__(self, batch: Batch) -> Tensor:
        labels = batch.labels
        if labels.min() < 0 or labels.max() >= self.classes:
            raise InputError(
                f"labels run from {labels.min()} to {labels.max()}, the network has {self.classes} classes"
            )
        adversaries = pgd(
            self.network,
            to_device(batch.images, self.device),
            torch.from_numpy(labels).to(self.device),
            settings=self.settings,
            ball=self.ball,
            indices=batch.indices,
            seed=self.seed,
        )
        return self.network(adversaries)
