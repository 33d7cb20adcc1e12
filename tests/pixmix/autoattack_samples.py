"""Attacks on images whose distance from the border is known, in place of AutoAttack's library."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

COUNT, CLASSES = 60, 5
ATTACKS = ("apgd-ce", "apgd-t", "fab-t", "square", "apgd-dlr")
LABELS = np.arange(COUNT) % CLASSES
IMAGES = np.zeros((COUNT, 8, 8, 3), np.uint8) + np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
"""Image i has the value i everywhere, by which an attack knows it."""
WRONG = (3, 17, 40)
DISTANCES = np.random.default_rng(4).uniform(0.001, 0.06, (COUNT, len(ATTACKS)))
"""(images, attacks): the radius from which on an attack finds an adversary."""


class Known(nn.Module):
    """Answers right, but for the images `WRONG`."""

    def forward(self, x: Tensor) -> Tensor:
        indices = (x[:, 0, 0, 0] * 255).round().long()
        answers = torch.from_numpy(LABELS)[indices] + torch.isin(indices, torch.tensor(WRONG)).long()
        return 3.0 * nn.functional.one_hot(answers % CLASSES, CLASSES) - 1 + 0 * x.mean()


class FakeLibrary:
    """Stands where `autoattack_library.Library` does; `calls` has each batch, and the call number `stop_at` is cut."""

    calls: ClassVar[list[tuple[str, float, str, tuple[int, ...]]]] = []
    stop_at: ClassVar[int | None] = None

    def __init__(self, network: nn.Module, classes: int, device: torch.device, **how: Any) -> None:
        assert classes == CLASSES
        self.norm, self.epsilon = how["norm"], how["epsilon"]
        self.warnings: list[str] = []

    def broken(self, attack: str, images: Tensor, labels: Tensor) -> np.ndarray:
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt
        indices = (images[:, 0, 0, 0] * 255).round().long().numpy()
        assert np.array_equal(LABELS[indices], labels.numpy())
        self.calls.append((self.norm, self.epsilon, attack, tuple(indices.tolist())))
        if 5 in indices:
            self.warnings.append("image five is odd")
        return DISTANCES[indices, ATTACKS.index(attack)] <= self.epsilon
