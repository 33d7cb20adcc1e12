"""What a rotation head says of images that are turned, for RotPred's score."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..scores import Head
from .forwarding import Forward
from .image_sets import Batch
from .last_layer import LastLayer

TURNS = 4
"""By 0, 90, 180 and 270 degrees, counter-clockwise."""


class Turns:
    """A forward pass of a batch as it is and three of it turned; called, it gives the logits of the first.

    Args:
        layer: what takes the features, watched.
        head: of the rotations, (4, D) and (4,).
        forward: of the network.
        device: where its features are.
    """

    def __init__(self, layer: LastLayer, head: Head, forward: Forward, device: torch.device) -> None:
        self.layer, self.forward = layer, forward
        self.weight, self.bias = (torch.as_tensor(part, dtype=torch.float32, device=device) for part in head)
        self._said: list[Tensor] = []

    def __call__(self, batch: Batch) -> Tensor:
        # Synthetic outliers have their channels first.
        axes = (1, 2) if batch.images.shape[3] == 3 else (2, 3)
        self._said, logits = [], []
        for turns in range(TURNS):
            images = np.ascontiguousarray(np.rot90(batch.images, turns, axes))
            logits.append(self.forward(batch._replace(images=images)))
            features = self.layer.features(len(images))
            self._said.append(functional.linear(features, self.weight, self.bias))
        return logits[0]

    def said(self, count: int) -> Tensor:
        """The head's logits of the last batch, (n, 16): four for each turn."""
        return torch.cat(self._said, dim=1)
