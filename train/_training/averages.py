"""A running average of the weights, which is measured in their place."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from pixmix._common.normalized import Normalized


class Averages:
    """After each step a network moves towards the trained one by `1 - decay` of the way, batch statistics included.

    It begins as a copy of the trained one; whole numbers, as of batches seen, are copied. That is `ModelEmaV3` of
    timm, and torch's `AveragedModel` with `get_ema_multi_avg_fn` and buffers.

    Args:
        trained: what steps change, on its device.
        decay: in [0, 1).
    """

    def __init__(self, trained: Normalized, decay: float) -> None:
        self.trained, self.decay = trained, decay
        self.network = copy.deepcopy(trained).eval().requires_grad_(False)
        pairs = list(zip(_tensors(self.network), _tensors(trained), strict=True))
        self.moved = [pair for pair in pairs if pair[0].is_floating_point()]
        self.copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """The step has been taken; operations on tensors in place, which a graph can hold."""
        for pairs, change in ((self.moved, self._move), (self.copied, torch._foreach_copy_)):
            if pairs:
                change([own for own, _ in pairs], [tensor for _, tensor in pairs])

    def tensors(self) -> list[Tensor]:
        """What `update` changes."""
        return _tensors(self.network)

    def _move(self, own: list[Tensor], tensors: list[Tensor]) -> None:
        torch._foreach_lerp_(own, tensors, 1 - self.decay)


def _tensors(network: Normalized) -> list[Tensor]:
    return [*network.body.parameters(), *network.body.buffers()]
