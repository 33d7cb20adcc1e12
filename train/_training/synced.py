"""Batch normalisation by the statistics of the whole batch, where several processes share it."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mixset._common.errors import InputError

PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def synced(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with each batch normalisation over all processes: on a GPU torch's `SyncBatchNorm`, which refuses a
    CPU, and there the same by the formula. Parameters and names stay as they are.

    Raises:
        InputError: a batch normalisation that does something else besides, such as timm's with activation, which would
            be lost.
    """
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and type(module) not in PLAIN:
            kind = type(module).__name__
            raise InputError(f"sync_bn: {name} of the network is a {kind}, not torch's own; leave `sync_bn` out")
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.__class__ = HostSynced  # the three differ in which dimensions they let in
    return network


class HostSynced(_BatchNorm):
    """Batch normalisation of (N, C, ...) over all processes' N.

    Its gradient is that of the sum of all processes' losses, which DDP then divides by their number.
    """

    def _check_input_dim(self, images: Tensor) -> None:
        """Any are let in."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        dims = [0, *range(2, images.dim())]
        shape = [1, -1] + [1] * (images.dim() - 2)
        wide = images.float()
        count = _Sum.apply(torch.tensor(float(images.numel() // images.shape[1])))
        mean = _Sum.apply(wide.sum(dims)) / count
        centred = wide - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(dims)) / count
        self._track(mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(images.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics; the variance is the unbiased one."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum over processes, and of its gradients, too."""

    @staticmethod
    def forward(context: Any, own: Tensor) -> Tensor:
        total = own.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total
