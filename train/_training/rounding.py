"""Weights in bfloat16 beside their float32 masters: what autocast makes one by one, in two kernels for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.conv import _ConvNd

ROUNDED = (_ConvNd, nn.Linear)
"""Modules whose weights and biases autocast rounds. Others', as batch normalisation's, stay in float32."""


class RoundedWeights(nn.Module):
    """A network that takes its convolutions' and linear layers' weights in a lower precision.

    Under autocast with that precision it gives what the network itself gives, bit for bit, and so do its gradients:
    autocast rounds the same weights to the same numbers. But it does that in a kernel for each, and another for each
    gradient, which at a small batch is a part of the step that can be measured.

    Args:
        network: of float32 parameters, which stay the ones that are trained.
        dtype: of the rounded copies.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype
        self.rounded = {
            f"{prefix}.{name}" if prefix else name: parameter
            for prefix, module in network.named_modules()
            if isinstance(module, ROUNDED)
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.dtype is torch.float32 and parameter.requires_grad
        }

    def forward(self, images: Tensor) -> Tensor:
        if not self.rounded:
            return self.network(images)
        copies = _Round.apply(self.dtype, *self.rounded.values())
        return functional_call(self.network, dict(zip(self.rounded, copies, strict=True)), (images,))


class _Round(torch.autograd.Function):
    """Many tensors to another dtype at once, and their gradients back."""

    @staticmethod
    def forward(context: Any, dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
        context.set_materialize_grads(False)  # a weight that is not used has no gradient, and is not moved
        context.dtypes = [tensor.dtype for tensor in tensors]
        return _cast(tensors, [dtype] * len(tensors))

    @staticmethod
    def backward(context: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        there = [number for number, gradient in enumerate(gradients) if gradient is not None]
        wide = _cast([gradients[n] for n in there], [context.dtypes[n] for n in there])  # type: ignore[misc]
        found: list[Tensor | None] = [None] * len(gradients)
        for number, gradient in zip(there, wide, strict=True):
            found[number] = gradient
        return (None, *found)


def _cast(tensors: Sequence[Tensor], dtypes: Sequence[torch.dtype]) -> tuple[Tensor, ...]:
    made = [torch.empty_like(tensor, dtype=dtype) for tensor, dtype in zip(tensors, dtypes, strict=True)]
    torch._foreach_copy_(made, list(tensors))
    return tuple(made)
