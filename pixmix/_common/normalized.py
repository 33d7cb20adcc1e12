"""A network that takes images in [0, 1]: normalisation as its first layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mixset._common.arguments import check_numbers
from mixset._common.errors import InputError


class Normalized(nn.Module):
    """`body((x - mean) / std)`, so that attacks and measures see images in [0, 1].

    The two constants are buffers outside the state dict: `body.state_dict()` are the plain names that torchvision and
    the paper's checkpoints use, and `network.body(x)` is the network-input space in which the synthetic
    out-of-distribution sets live.

    Args:
        body: takes (N, C, H, W) float tensors in network-input space, gives (N, classes) logits.
        mean, std: per channel, in units of [0, 1] images.

    Example:
        >>> import torch
        >>> import pixmix
        >>> network = pixmix.Normalized(torch.nn.Flatten(), mean=(0.5,), std=(0.5,))
        >>> network(torch.ones(1, 1, 1, 2))
        tensor([[1., 1.]])
    """

    body: nn.Module
    mean: Tensor
    std: Tensor

    def __init__(self, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if not isinstance(body, nn.Module):
            raise InputError(f"body: a torch module is needed, got {type(body).__name__}")
        mean = check_numbers("mean", mean, low=-1e6, high=1e6)
        std = check_numbers("std", std, low=1e-6, high=1e6)
        if not mean or len(mean) != len(std):
            raise InputError(f"mean and std: one each for a channel is needed, got {len(mean)} and {len(std)}")
        self.body = body
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.body((images - self.mean) / self.std)
