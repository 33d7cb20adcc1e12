"""A small network whose features are known, with images of every kind that scores ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import pixmix
from pixmix.scores import Head, Outputs

CLASSES, WIDTH, SIDE = 4, 12, 8


class Body(nn.Module):
    """Two linear layers with a ReLU between them, in float64 so that a batch's size does not matter; counts images."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Linear(3 * SIDE * SIDE, WIDTH).double()
        self.fc = nn.Linear(WIDTH, CLASSES).double()
        for layer, size in ((self.first, 0.2), (self.fc, 2.0)):
            with torch.no_grad():
                layer.weight.copy_(size * torch.randn(layer.weight.shape, generator=generator))
                layer.bias.zero_()
        self.seen, self.stop_at = 0, -1

    def forward(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        if 0 <= self.stop_at < self.seen:
            raise KeyboardInterrupt
        return self.fc(torch.relu(self.first(images.double().flatten(1))))


def network() -> pixmix.Normalized:
    return pixmix.Normalized(Body(), [0.5] * 3, [0.25] * 3).eval()


def outputs(net: Any, images: np.ndarray, labels: np.ndarray | None = None) -> Outputs:
    """What the network makes of (N, H, W, 3) uint8, by hand."""
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
    with torch.no_grad():
        flat = ((inputs - 0.5) / 0.25).double().flatten(1)
        features = torch.relu(net.body.first(flat))
        logits = net.body.fc(features)
    return Outputs(logits=logits.float().numpy(), features=features.float().numpy(), labels=labels)


def head(net: Any) -> Head:
    return Head(net.body.fc.weight.detach().float().numpy(), net.body.fc.bias.detach().float().numpy())


def images(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)


def labelled(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and mostly right labels of every class."""
    drawn = images(count, seed)
    labels = outputs(network(), drawn).logits.argmax(axis=1)
    labels[::5] = (labels[::5] + 1) % CLASSES
    return drawn, labels


TEST, HELD, TRAINING = labelled(50, 1), labelled(40, 2), labelled(150, 3)
TUNING = images(20, 4), np.full(20, -1)
REAL = images(30, 5) // 4 + 100
