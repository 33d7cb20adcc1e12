"""A small classifier for the tests of methods that look at one, and everything about it that they must not change."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def small_network(classes: int = 4, *, seed: int = 0) -> nn.Module:
    """A classifier of 8×8 images in training mode, with batch statistics, dropout, gradients and a frozen part."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(512, classes),
        )
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
    network[0].bias.requires_grad_(False)
    return network.train()


def snapshot(network: nn.Module) -> dict[str, Tensor | bool]:
    """Weights, gradients, buffers, which weights learn and which modules train, as copies."""
    found: dict[str, Tensor | bool] = {f"mode {name}": module.training for name, module in network.named_modules()}
    for name, parameter in network.named_parameters():
        found[name] = parameter.detach().clone()
        found[f"gradient {name}"] = parameter.grad.clone()
        found[f"learns {name}"] = parameter.requires_grad
    return found | {f"buffer {name}": buffer.clone() for name, buffer in network.named_buffers()}


def assert_untouched(network: nn.Module, before: dict[str, Tensor | bool]) -> None:
    """The network is as it was at the snapshot, bit for bit."""
    after = snapshot(network)
    assert after.keys() == before.keys()
    for name, value in before.items():
        assert torch.equal(after[name], value) if isinstance(value, Tensor) else after[name] == value, name
