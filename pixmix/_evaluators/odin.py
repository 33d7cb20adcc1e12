"""Logits of images after the step that ODIN takes along the network's gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._common.normalized import Normalized
from ..scores._odin import odin_logits
from .forwarding import to_device
from .image_sets import Batch


class Step:
    """A forward pass of a batch's images once each is moved, for `run_batches`.

    The step is of images in [0, 1], so that before a normaliser it is the same in every channel.

    Args:
        network: takes images in [0, 1].
        device: where it is.
        temperature, epsilon: ODIN's settings.
    """

    def __init__(self, network: nn.Module, device: torch.device, *, temperature: float, epsilon: float) -> None:
        self.network, self.device = network, device
        self.temperature, self.epsilon = temperature, epsilon

    def __call__(self, batch: Batch) -> Tensor:
        settings = {"temperature": self.temperature, "epsilon": self.epsilon}
        if batch.images.shape[3] == 3:
            images = to_device(batch.images, self.device)
            return odin_logits(self.network, images, std=[1.0] * 3, **settings)
        # Synthetic outliers have their channels first, and bypass the normaliser.
        assert isinstance(self.network, Normalized), "no others are shown them"
        images = torch.from_numpy(batch.images).to(self.device)
        return odin_logits(self.network.body, images, std=self.network.std.flatten().tolist(), **settings)
