"""Eval mode for a while: the one guard for whoever runs a network that may be in training."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from torch import nn


@contextlib.contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """The network in eval mode, so that batch statistics neither count nor move; then each module as it was before."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
