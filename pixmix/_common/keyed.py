"""Torch's generators under keys: what draws from them is then a function of (seed, epoch, index) or of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from . import philox
from .philox import Key


@dataclass(frozen=True, kw_only=True)
class StepKey:
    """Where a batch transform takes its randomness from: the same key gives the same batch on any machine."""

    seed: int
    """Seed of the run."""
    epoch: int
    """Epoch, from 0."""
    step: int
    """Step within the epoch, from 0."""
    rank: int = 0
    """Process of a distributed run; each has a batch of its own."""


def torch_seeds(key: Key, indices: np.ndarray) -> list[int]:
    """A seed of torch's generator for each index, for transforms that draw from it."""
    return _as_seeds(philox.words(key, indices, philox.TORCH, 2))


@contextlib.contextmanager
def torch_generator_kept() -> Iterator[None]:
    """Leave torch's CPU generator as it was; `torch.manual_seed` would also reseed the devices'."""
    state = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(state)


def generator(key: StepKey, device: torch.device, *, purpose: int = 0) -> torch.Generator:
    """A generator on `device` seeded by (seed, epoch, step, rank) and a number that tells a step's uses apart.

    What is drawn from it is the same on every machine with this kind of device; a CPU and a GPU draw other numbers.

    Args:
        purpose: 0 to 255.
    """
    return torch.Generator(device).manual_seed(step_seed(key, purpose=purpose))


def step_seed(key: StepKey, *, purpose: int = 0) -> int:
    """What `generator` seeds with."""
    words = philox.words(
        philox.Key(key.seed, key.epoch), np.array([key.step]), philox.NOISE, 4, first=4 * (key.rank * 256 + purpose)
    )
    return _as_seeds(words)[0]


def normals(count: int, size: tuple[int, int], random: torch.Generator) -> torch.Tensor:
    """Standard normal noise (N, 3, H, W) float32 on the generator's device, channels-last in memory."""
    return torch.randn((count, *size, 3), generator=random, device=random.device).permute(0, 3, 1, 2)


def _as_seeds(words: np.ndarray) -> list[int]:
    whole = words.astype(np.uint64)
    return (whole[:, 0] | (whole[:, 1] << np.uint64(32))).tolist()
