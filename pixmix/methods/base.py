"""What a row of the paper's tables is: pictures in the loader, a batch on the device, a loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from mixset.errors import InputError

if TYPE_CHECKING:
    from ..draws import Key


@dataclass(frozen=True, kw_only=True)
class StepKey:
    """Where a batch transform takes its randomness from: the same key gives the same batch on any machine."""

    seed: int
    """Seed of the run."""
    epoch: int
    """Epoch, from 0."""
    step: int
    """Step within the epoch, from 0."""
    rank: int = 0
    """Process of a distributed run; each has a batch of its own."""


class Method:
    """Baseline: the pictures as they are and cross entropy; crop and flip are the loader's.

    The other methods override what they change. A method is made once and pickled into the loader's workers.
    """

    name = "baseline"
    in_loader = True
    """Whether `pictures` is a function of its arguments alone, so that loader workers can run ahead of the training;
    else the training process calls it, at the picture's step."""

    def pictures(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        """Turn cropped pictures into the network's.

        Args:
            batch: (N, H, W, 3) uint8.
            key: seed and epoch.
            indices: (N,) positions in the training set; each picture's randomness is keyed by its own.

        Returns:
            (N, 3, H, W) float32 in [0, 1].
        """
        return as_float(batch)

    def batch(self, images: Tensor, labels: Tensor, *, key: StepKey, classes: int) -> tuple[Tensor, Tensor]:
        """Mix the pictures of a batch with each other, on whatever device they are.

        Args:
            images: (N, C, H, W) float; not changed in place.
            labels: (N,) int64.
            classes: how many classes the network tells apart.

        Returns:
            Images, and targets as class numbers (N,) int64 or as soft labels (N, classes) float32.
        """
        return images, labels

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The mean cross entropy of (N, classes) logits; with soft labels, the sum of the classes' by their share."""
        return functional.cross_entropy(logits, targets)

    def on_step(self, network: nn.Module) -> None:
        """Look at the network, which takes normalised input, before a training step; nothing about it may change."""

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, Any], str]:
        """Look back on an epoch; every process calls this.

        Args:
            epoch: how many have ended.
            seconds: what this one took.

        Returns:
            What to add to the epoch's entry in the log, and words to add to the line that is shown.
        """
        return {}, ""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep of this method; tensors and plain numbers only."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave. Raises InputError where the state is another method's."""
        if state:
            raise InputError(
                f"method {self.name} keeps no state, but the checkpoint has {', '.join(sorted(state))}; "
                "go on with the method the run was started with"
            )


def as_float(batch: np.ndarray) -> np.ndarray:
    """(N, H, W, C) uint8 to (N, C, H, W) float32 in [0, 1], contiguous; the same float as torchvision's ToTensor."""
    return np.divide(np.ascontiguousarray(batch.transpose(0, 3, 1, 2)), np.float32(255), dtype=np.float32)
