"""Iterative, small: a configuration, a network, the method."""

from __future__ import annotations

from pathlib import Path

import run_samples
import torch
from torch import nn

from mixset.generate._networks.spec import network_spec
from pixmix.train._data.datasets import load_data
from pixmix.train._runs.config import TrainConfig
from pixmix.train._runs.iterative_settings import IterativeSettings
from pixmix.train._runs.processes import Processes
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training.iterative import Iterative

TINY = IterativeSettings(size=8, every=2, batch=4, steps=3)


def quick(data: Path, out: Path, **changes: object) -> TrainConfig:
    """A run of six steps an epoch."""
    return run_samples.quick(data, out, **{"method": "iterative", "iterative": TINY, **changes})


def network_of(dropout: float = 0.3) -> nn.Module:
    torch.manual_seed(0)
    return network_spec("wrn-10-1", classes=3, dropout=dropout).build()


def method_of(data: Path, out: Path, network: nn.Module, *, rank: int = 0, **changes: object) -> Iterative:
    config = quick(data, out, **changes)
    processes = Processes(device=torch.device("cpu"), rank=rank)
    return Iterative(config, load_data(config.dataset), network, RunFolder(out), processes)
