"""What a step of a batch transform draws: on the host, before it runs, and as tensors on the device."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .._augment.transfers import carry
from .._common.keyed import StepKey, generator


class StepDraws(NamedTuple):
    """A step's draws, made on the host."""

    values: Mapping[str, np.ndarray] = {}
    """Small arrays by name; of one form and batch size always of the same shapes and dtypes."""
    form: Hashable = None
    """What decides which operations `Method.change` runs. Training captures a CUDA graph for each form, so these should
    be few, or change with the epoch at most."""
    noise: bool = False
    """Whether the step draws more on the device, from `DeviceDraws.random`."""


class DeviceDraws(NamedTuple):
    """A step's draws where its batch is."""

    values: Mapping[str, Tensor]
    """The arrays of `StepDraws`, as tensors."""
    form: Hashable
    """As `StepDraws` has it."""
    random: torch.Generator | None
    """On the device, seeded for the step; None where `StepDraws.noise` is False."""


def on_device(draws: StepDraws, key: StepKey, device: torch.device) -> DeviceDraws:
    """Carry a step's draws to a device, without waiting for it."""
    values = carry(device, **draws.values) if draws.values else {}
    return DeviceDraws(values, draws.form, generator(key, device) if draws.noise else None)
