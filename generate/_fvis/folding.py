"""Networks made cheaper without changing what they compute: batch norms folded into the convolutions before them."""

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
    """A copy of a network for optimising images: eval mode, frozen, channels last, batch norms folded.

    A batch norm is folded where both it and the convolution before it are called once and nothing but it uses what
    the convolution returns. One dry run shows this operation by operation, so it holds for any weights. Every module
    then returns what it did, up to rounding, but for the convolutions that were folded into, modules that hand on what
    these return, and paddings that convolutions have absorbed.

    Args:
        body: any network; the copy lies on its device.
        keep: names of layers whose outputs must not change.
        size: height and width of an image that it can take.

    Raises:
        InputError: it cannot take such an image, or cannot be copied.
    """
    try:
        result = copy.deepcopy(body).eval().requires_grad_(False)
    except Exception as error:  # whatever a module of the user's holds
        raise InputError(f"network: cannot be copied ({reason(error)}); choose another --network") from error
    absorb_padding(result, keep)
    for convolved in _convolved_for_a_norm(result, size):
        if not convolved.outlets.intersection(keep):
            _fold(convolved.convolution, convolved.norm)
    return result.to(memory_format=torch.channels_last)


@dataclass(eq=False)
class _Convolved:
    """What became of a tensor that a convolution made; the tensor carries this, so that it need not be kept itself."""

    weight: Tensor
    bias: Tensor | None
    uses: int = 0
    """Operations that took the tensor."""
    outlets: set[str] = field(default_factory=set)
    """Modules that returned it: the convolution, and those that hand it on."""
    convolution: nn.Module | None = None
    """The module that made it, by nothing but the convolution with its own weight and bias."""
    norm: nn.Module | None = None
    """The batch norm that took it."""


class _Watch(TorchDispatchMode):
    """Marks what convolutions make, and counts the operations that take it or a parameter."""

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


def _convolved_for_a_norm(body: nn.Module, size: int) -> list[_Convolved]:
    """Each convolution and the batch norm that alone uses what it makes."""
    found: list[_Convolved] = []
    calls: Counter[nn.Module | None] = Counter()

    def seen(name: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        calls[module] += 1
        for mark in filter(None, map(_mark, _tensors(output))):
            mark.outlets.add(name)
            if isinstance(module, nn.Conv2d) and mark.weight is module.weight and mark.bias is module.bias:
                mark.convolution = module
        taken = _mark(inputs[0]) if inputs else None
        if taken and _without_norm(module) and module.running_mean is not None:
            taken.norm = module
            found.append(taken)

    with _Watch(list(body.parameters())) as watch:
        returned = {_mark(tensor) for tensor in _tensors(dry_run(body, size, seen))}
    return [
        mark
        for mark in found
        if mark.convolution is not None
        and mark.uses == 1
        and watch.uses.get(id(mark.weight)) == 1  # None: no parameter, but made anew in each pass
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
    # In its place, not by another module: networks may hold it in more places than named_modules shows.
    norm.__class__ = _without_norm(norm)


def _without_norm(module: nn.Module) -> type[nn.Module] | None:
    """The class that does what is left of a batch norm's work after folding; None for what is no batch norm we know.

    timm's has a dropout and an activation in it, its children in this order.
    """
    if type(module) in (nn.BatchNorm2d, nn.SyncBatchNorm):  # not subclasses: they may do more
        return nn.Identity
    timm_layers = sys.modules.get("timm.layers")  # there if the network is timm's
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
