"""The optimiser of a run: on a GPU one kernel a step, whose learning rate is a tensor that a CUDA graph reads anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._runs.config import TrainConfig

OWN = ("lr", "fused", "foreach", "capturable")
"""What of a parameter group belongs to this process and its device, not to the run: a checkpoint moves between
devices."""


def make_optimizer(config: TrainConfig, network: nn.Module, *, fused: bool) -> torch.optim.Optimizer:
    """Stochastic gradient descent with Nesterov momentum, or AdamW, as the config has it.

    Args:
        network: whose parameters are trained.
        fused: all parameters in one kernel, by a learning rate that lies beside them, and a state that is there from
            the beginning (zeros, so that the first step is no other than the next: a graph has but one).
    """
    trained = list(network.parameters())
    groups = decayed(network, config)
    lr = torch.tensor(config.lr, device=trained[0].device) if fused else config.lr
    if config.optimizer == "adamw":
        return _adamw(trained, groups, lr, fused=fused)
    optimizer = torch.optim.SGD(
        groups,
        lr=lr,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        fused=fused or None,
    )
    if fused and config.momentum > 0:
        for parameter in trained:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def decayed(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """The parameters in groups by their weight decay: all alike, or as timm parts them.

    Then vectors have none, which are norms' and biases', and neither has what a module's `no_weight_decay()` names, as
    vision transformers have it.
    """
    if config.decay_norms:
        return [{"params": list(network.parameters()), "weight_decay": config.weight_decay}]
    named = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in network.named_modules()
        if callable(own := getattr(module, "no_weight_decay", None))
        for name in own()
    }
    without, with_decay = list[nn.Parameter](), list[nn.Parameter]()
    for name, parameter in network.named_parameters():
        small = parameter.ndim <= 1 or name.endswith(".bias")
        (without if small or name in named else with_decay).append(parameter)
    groups = [
        {"params": without, "weight_decay": 0.0},
        {"params": with_decay, "weight_decay": config.weight_decay},
    ]
    return [group for group in groups if group["params"]]


def _adamw(
    trained: Sequence[nn.Parameter], groups: list[dict[str, Any]], lr: Tensor | float, *, fused: bool
) -> torch.optim.AdamW:
    capturable = fused and trained[0].device.type == "cuda"
    optimizer = torch.optim.AdamW(groups, lr=lr, fused=fused or None, capturable=capturable)
    if fused:
        for parameter in trained:
            optimizer.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return optimizer


def state_tensors(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """What the optimiser keeps of past steps, in the places where it lies."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]


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
    own = [{name: group[name] for name in OWN if name in group} for group in optimizer.param_groups]
    # Before, too: where Adam's count of steps is put depends on the groups that are loaded.
    groups = [group | mine for group, mine in zip(state["param_groups"], own, strict=True)]
    optimizer.load_state_dict({**state, "param_groups": groups})
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group.update(mine)
