"""Adversarial noise training as the paper has it, and batches for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from pixmix.methods import make_method
from pixmix.methods._ant import ANT
from pixmix.methods._base import StepKey
from pixmix.methods._settings import ANTSettings, MethodSettings

KEY = StepKey(seed=3, epoch=0, step=0)


def make(size: tuple[int, int] = (8, 8), **settings: Any) -> ANT:
    chosen = MethodSettings(ant=ANTSettings(**{"restart_steps": 3, **settings}))
    method = make_method("ant", classes=4, size=size, mean=(0.5,) * 3, std=(0.25,) * 3, settings=chosen)
    assert isinstance(method, ANT)
    return method


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(count: int, size: tuple[int, int] = (8, 8), *, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, *size, generator=seeded(seed))


def labels_of(count: int) -> torch.Tensor:
    return torch.arange(count) % 4


def batches(steps: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    for step in range(steps):
        yield images_of(8, seed=100 + step), labels_of(8)


def norms(changed: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return (changed.double() - images.double()).flatten(1).norm(dim=1)
