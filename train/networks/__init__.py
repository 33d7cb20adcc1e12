"""Networks by name: each is a factory, `module:function`, with its arguments, and can be built from those alone."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixset.errors import InputError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """What builds a network: stored in a run's `config.json`, built through importlib by whoever reads it."""

    factory: str
    """`module:function`; returns an nn.Module from (N, 3, H, W) network inputs to (N, classes) logits."""
    arguments: dict[str, Any]
    """Its keyword arguments."""

    def build(self) -> nn.Module:
        """The network with fresh weights, drawn from torch's global generator."""
        module, _, function = self.factory.partition(":")
        try:
            make = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise InputError(f"--network {self.factory}: cannot be imported ({error})") from None
        try:
            return make(**self.arguments)
        except TypeError as error:
            raise InputError(f"--network {self.factory}: cannot be called with {self.arguments} ({error})") from None


def network_spec(name: str, *, classes: int, dropout: float = 0.0) -> NetworkSpec:
    """The spec of a network by its short name.

    Args:
        name: `wrn-DEPTH-WIDTH` with DEPTH = 6 n + 4, `resnet18`, `resnet50`, or any `module:function`.
        classes: length of the logits.
        dropout: for Wide ResNets.
    """
    if wide := re.fullmatch(r"wrn-(\d+)-(\d+)", name):
        depth, width = int(wide[1]), int(wide[2])
        if depth < 10 or (depth - 4) % 6 or width < 1:
            raise InputError(f"--network {name}: depths are 10, 16, 22, 28, 34, 40, ..., widths from 1 on")
        arguments = {"depth": depth, "width": width, "dropout": dropout, "num_classes": classes}
        return NetworkSpec(factory="pixmix.train.networks.wide_resnet:wide_resnet", arguments=arguments)
    if name in ("resnet18", "resnet50"):
        return NetworkSpec(factory=f"torchvision.models:{name}", arguments={"num_classes": classes})
    if ":" in name:
        return NetworkSpec(factory=name, arguments={"num_classes": classes})
    raise InputError(f"--network {name}: unknown; use wrn-DEPTH-WIDTH, resnet18, resnet50 or module:function")
