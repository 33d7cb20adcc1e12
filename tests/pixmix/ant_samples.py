"""Adversarial noise training as the paper has it, and batches for it."""

from __future__ import annotations

import torch

from pixmix.methods import make_method
from pixmix.methods._base import StepKey
from pixmix.methods._settings import ANTSettings, MethodSettings

KEY = StepKey(seed=3, epoch=0, step=0)


def make(size=(8, 8), **settings):
    settings = MethodSettings(ant=ANTSettings(**{"restart_steps": 3, **settings}))
    return make_method("ant", classes=4, size=size, mean=(0.5,) * 3, std=(0.25,) * 3, settings=settings)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(count, size=(8, 8), *, seed=0):
    return torch.rand(count, 3, *size, generator=seeded(seed))


def labels_of(count):
    return torch.arange(count) % 4


def batches(steps):
    for step in range(steps):
        yield images_of(8, seed=100 + step), labels_of(8)


def norms(changed, images):
    return (changed.double() - images.double()).flatten(1).norm(dim=1)
