"""Folding batch norms into the convolutions before them, which makes a network faster without changing its output."""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mixset._common.errors import InputError, reason

from .layers import dry_run
from .padding import absorb_padding


def folded(body: nn.Module, keep: Collection[str], size: int) -> nn.Module:
    """Copy a network for optimising images: in eval mode, frozen, channels-last, with batch norms folded.

    A batch norm is folded if it and the convolution before it are called once each, and the convolution's output is
    used by nothing else. A dry run determines this for each operation, independently of the weights. Every module then
    returns the same as before, up to rounding, except for convolutions with a folded batch norm, modules that pass on
    their outputs, and paddings absorbed by convolutions.

    Args:
        body: any network; the copy is on its device.
        keep: names of layers whose outputs must not change.
        size: height and width in pixels of an image that the network accepts.

    Raises:
        InputError: the network does not accept such an image, or cannot be copied.
    """
    try:
        result = copy.deepcopy(body).eval().requires_grad_(False)
    except Exception as error:  # a user's module may raise anything
        raise InputError(f"network: cannot be copied ({reason(error)}); choose another one") from error
    absorb_padding(result, keep)
    for convolved in _foldable(result, size):
        if not convolved.outlets.intersection(keep):
            _fold(convolved.convolution, convolved.norm)
    return result.to(memory_format=torch.channels_last)


@dataclass(eq=False)
class _Convolved:
    """How the output of a convolution is used; an attribute of the tensor, which need not be kept itself."""

    weight: Tensor
    """The weight of the convolution."""
    bias: Tensor | None
    """The bias of the convolution, if it has one."""
    uses: int = 0
    """The number of operations that use the tensor."""
    outlets: set[str] = field(default_factory=set)
    """The modules that return it: the convolution, and those that pass it on."""
    convolution: nn.Module | None = None
    """The module that computes it by nothing but a convolution with its own weight and bias."""
    norm: nn.Module | None = None
    """The batch norm that uses it."""


class _Watch(TorchDispatchMode):
    """Marks the outputs of convolutions, and counts the operations that use them or a parameter."""

    def __init__(self, parameters: Collection[Tensor]) -> None:
        super().__init__()
        self.uses = {id(parameter): 0 for parameter in parameters}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        for tensor in {id(tensor): tensor for tensor in _tensors((args, kwargs))}.values():
            if id(tensor) in self.uses:
                self.uses[id(tensor)] += 1
            elif mark := _mark(tensor):
                mark.uses += 1
        result = func(*args, **kwargs)
        if func is torch.ops.aten.convolution.default:
            result.convolved = _Convolved(args[1], args[2])
        return result


def _foldable(body: nn.Module, size: int) -> list[_Convolved]:
    """The outputs of convolutions that are used by a batch norm alone."""
    candidates: list[_Convolved] = []
    calls: Counter[nn.Module | None] = Counter()

    def on_call(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        for mark in filter(None, map(_mark, _tensors(output))):
            mark.outlets.add(name)
            if isinstance(module, nn.Conv2d) and mark.weight is module.weight and mark.bias is module.bias:
                mark.convolution = module
        convolved = _mark(inputs[0]) if inputs else None
        if convolved and _without_norm(module) and module.running_mean is not None:
            convolved.norm = module
            candidates.append(convolved)

    with _Watch(list(body.parameters())) as watch:
        returned = {_mark(tensor) for tensor in _tensors(dry_run(body, size, on_call))}
    return [
        mark
        for mark in candidates
        if mark.convolution is not None
        and mark.uses == 1
        and watch.uses.get(id(mark.weight)) == 1  # None if it is not a parameter, but computed in each pass
        and calls[mark.norm] == 1
        and mark not in returned
    ]


def _fold(convolution: Any, norm: Any) -> None:
    scale = torch.rsqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -norm.running_mean if convolution.bias is None else convolution.bias - norm.running_mean
    shift = shift * scale if norm.bias is None else shift * scale + norm.bias
    convolution.weight = nn.Parameter(convolution.weight * scale.view(-1, 1, 1, 1), requires_grad=False)
    convolution.bias = nn.Parameter(shift, requires_grad=False)
    # The class is changed in place, since networks may refer to the module in ways that named_modules does not show.
    norm.__class__ = _without_norm(norm)


def _without_norm(module: nn.Module) -> type[nn.Module] | None:
    """The class that replaces a batch norm after folding, or None if the module is not a known batch norm.

    timm's also contains a dropout and an activation, which are its children in this order.
    """
    if type(module) in (nn.BatchNorm2d, nn.SyncBatchNorm):  # not subclasses: they may do more
        return nn.Identity
    timm_layers = sys.modules.get("timm.layers")  # imported if the network is timm's
    return nn.Sequential if timm_layers and type(module) is timm_layers.BatchNormAct2d else None


def _mark(value: Any) -> _Convolved | None:
    return getattr(value, "convolved", None) if isinstance(value, Tensor) else None


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for part in value:
            yield from _tensors(part)
