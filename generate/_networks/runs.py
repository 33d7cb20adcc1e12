"""Networks of run folders: what `config.json` says, with the weights beside it; what it names of others is not run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from mixset._common.errors import InputError, reading
from mixset._common.old_keys import current
from mixset._common.regular import read_regular

from .checkpoints import newest_checkpoint
from .files import load
from .spec import CONFIG, OLD_WEIGHTS, WEIGHTS, NetworkSpec, foreign, recorded
from .weights import load_into, read_weights

MOST_BYTES = 256 << 20
"""Largest size of a run's config.json in bytes."""


class Trust(NamedTuple):
    """Which code a file may name."""

    named: str | None = None
    """The function that the user has named, too."""
    everything: bool = False
    """Whatever it names."""

    def check(self, name: str, where: str) -> None:
        """InputError unless the user has named this, or trusts the file."""
        if not self.everything and self.named != name:
            other = f", not {self.named}" if self.named else ""
            raise InputError(
                f"{where}: names {name}{other}, and what files name is not run; if you know it, set `trust`"
            )


def open_run(folder: Path, trust: Trust) -> tuple[nn.Module, Sequence[float], Sequence[float]]:
    """The network that a run trained or is training, with the mean and std it was trained with (empty: not known).

    Raises:
        InputError: no run, one without weights, damaged files, or a network whose code is not trusted.
    """
    (name, arguments), mean, std = _read_config(folder / CONFIG)
    if foreign(name):
        trust.check(name, f"{folder / CONFIG}")
    elif trust.named not in (None, name):
        raise InputError(f"run {folder}: has the network {name}, not {trust.named}; leave `network` out")
    spec = NetworkSpec(name=name, arguments=arguments)
    path, weights = run_weights(folder)
    numbers = sum(tensor.numel() for tensor in weights.values())
    if spec.parameters() > numbers:
        claimed = f"{spec.parameters():,} parameters of {spec.name}, {path.name} has {numbers:,} numbers"
        raise InputError(f"{folder / CONFIG}: claims {claimed}; the two are not of one run")
    body = spec.build()
    load_into(body, weights, f"{path}")
    return body, mean, std


def run_weights(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """The newest weights of a run and the file they are in: the final ones, else those of its newest checkpoint; of a
    run that averages them, the averages.

    Raises:
        InputError: there are none, or they are damaged.
    """
    if (path := folder / WEIGHTS).exists():
        return path, read_weights(path, hashed=True)
    if (path := folder / OLD_WEIGHTS).exists():
        return path, read_weights(path)
    checkpoint = newest_checkpoint(folder).path
    if checkpoint is None:
        raise InputError(f"run {folder}: has no {WEIGHTS} and no checkpoint; train it first")
    state = load(checkpoint)
    weights = state.get("ema", state.get("model"))
    if isinstance(weights, dict):
        return checkpoint, weights
    raise InputError(f"checkpoint {checkpoint}: is not of a run of `pixmix train`")


def _read_config(path: Path) -> tuple[tuple[str, dict[str, Any]], Sequence[float], Sequence[float]]:
    with reading(str(path), "name a run folder of `pixmix train`"):
        if not path.exists():
            raise InputError(f"{path}: no such file; name a run folder of `pixmix train`")
        described = current(json.loads(read_regular(path, MOST_BYTES)))
    with reading(str(path), "it is not of a run of `pixmix train`"):
        images = described.get("images", {"mean": (), "std": ()})
        return recorded(described["network"]), images["mean"], images["std"]
