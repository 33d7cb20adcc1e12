"""Absorbing the padding modules inside convolutions, as in EfficientNets, which saves a copy of the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import torch
from torch import nn

_SIDE = 33


def absorb_padding(body: nn.Module, keep: Collection[str]) -> None:
    """Replace, in place, each zero padding that is a child of a convolution by the convolution's own `padding`.

    The padding must be the same on opposite sides, and a trial must show that the convolution's output is unchanged.

    Args:
        body: a network in eval mode.
        keep: names of modules whose outputs must not change, including paddings.
    """
    occurrences = Counter(id(module) for _, module in body.named_modules(remove_duplicate=False))
    for name, module in body.named_modules():
        if not isinstance(module, nn.Conv2d) or module.padding != (0, 0):
            continue
        inner = [(child, pad) for child, pad in module.named_children() if type(pad) is nn.ZeroPad2d]
        if len(inner) != 1:
            continue
        child, pad = inner[0]
        left, right, top, bottom = pad.padding
        if left == right and top == bottom and occurrences[id(pad)] == 1 and f"{name}.{child}" not in keep:
            _absorb(module, child, pad, (top, left))


@torch.no_grad()
def _absorb(convolution: nn.Conv2d, child: str, pad: nn.ZeroPad2d, padding: tuple[int, int]) -> None:
    shape = (1, convolution.in_channels, _SIDE, _SIDE)
    trial = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(convolution.weight)
    try:
        before = convolution(trial)
    except RuntimeError:
        return  # it does not accept this size
    convolution.padding = padding
    setattr(convolution, child, nn.Identity())
    try:
        after = convolution(trial)
        same = after.shape == before.shape and torch.allclose(after, before, rtol=1e-4, atol=1e-5)
    except RuntimeError:
        same = False
    if not same:  # its forward pass ignores `padding`
        convolution.padding = (0, 0)
        setattr(convolution, child, pad)
