"""SGD of a run: on a GPU one kernel a step, whose learning rate is a tensor that a CUDA graph reads anew."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .._runs.config import TrainConfig

OWN = ("lr", "fused", "foreach")
"""What of a parameter group belongs to this process and its device, not to the run: a checkpoint moves between
devices."""


def make_optimizer(config: TrainConfig, parameters: Iterable[nn.Parameter], *, fused: bool) -> torch.optim.SGD:
    """Stochastic gradient descent with Nesterov momentum, as the config has it.

    Args:
        fused: all parameters in one kernel, by a learning rate that lies beside them, and momenta that are there from
            the beginning (zeros, so that the first step is no other than the next: a graph has but one).
    """
    trained = list(parameters)
    optimizer = torch.optim.SGD(
        trained,
        lr=torch.tensor(config.lr, device=trained[0].device) if fused else config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
        fused=fused or None,
    )
    if fused and config.momentum > 0:
        for parameter in trained:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def set_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of the next step."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def kept_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state for a checkpoint, the learning rates as numbers: it may be taken up on another device."""
    state = optimizer.state_dict()
    state["param_groups"] = [group | {"lr": float(group["lr"])} for group in state["param_groups"]]
    return state


def take_up(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Go on with what `kept_state` gave, on this device."""
    own = [{name: group[name] for name in OWN} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group.update(mine)
