"""Runs small enough for tests, how they are begun, and what is compared of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from recorded_steps import CpuRecorder

from pixmix.methods import METHODS, find_parts
from pixmix.methods._settings import ANTSettings
from pixmix.train._runs import checkpoints
from pixmix.train._runs.config import TrainConfig, recipe
from pixmix.train._runs.iterative_settings import IterativeSettings
from pixmix.train._training.run import train

QUICK = ("--recipe", "quick", "--network", "wrn-10-1", "--batch-size", "8", "--threads", "1")


def command(data: Path, out: Path, *more: str, epochs: int = 2) -> list[str]:
    program = [sys.executable, "-m", "pixmix.train", f"folder:{data}", *QUICK]
    return [*program, "--epochs", str(epochs), "--out", str(out), *more]


def quick(data: Path, out: Path, **changes: object) -> TrainConfig:
    settings = {
        **vars(recipe("quick")),
        "network": "wrn-10-1",
        "epochs": 1,
        "batch_size": 8,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
    }
    return TrainConfig(**{**settings, "dataset": f"folder:{data}", "out": out, "suite": ("clean",), **changes})


def weights(run: Path) -> dict[str, torch.Tensor]:
    return checkpoints.read_weights(run / "weights.safetensors")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def needs(method: str, colours: Path, mixing_folder: Path) -> dict[str, object]:
    """What a run of the method has to be given."""
    rows = [METHODS[part] for part in find_parts(method)]
    changes: dict[str, object] = {"method": method}
    if any(row.needs_pool for row in rows):
        changes["mixing_set"] = (str(mixing_folder),)
    if any(row.needs_outliers for row in rows):
        changes["outliers"] = mixing_folder
    if any(row.needs_copies for row in rows):
        changes["copies"] = colours / "test"
    if "ant" in method:
        changes["ant"] = ANTSettings(restart_steps=3)
    if "iterative" in method:
        changes["iterative"] = IterativeSettings(size=8, every=2, batch=4, steps=2)
    return changes


def steps_done(run: Path) -> int:
    newest = checkpoints.newest_checkpoint(run).path
    if newest is None:
        return 0
    state = checkpoints.load(newest)
    return state["epoch"] * 6 + state["position"]


def torchrun(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def assert_graphs_resume(data: Path, folder: Path, steps_left: list[int], changes: dict[str, object]) -> None:
    """A run that breaks off three times, and is resumed by graphs or without, ends as one by Python alone."""
    whole = train(quick(data, folder / "whole", graph="off", **changes))
    assert CpuRecorder.replayed == 0
    for steps, way in ((4, "on"), (3, "off"), (6, "auto"), (100, "on")):
        steps_left[:] = [steps]
        broken = quick(data, folder / "broken", graph=way, **changes, resume=True)
        if steps < 100:
            with pytest.raises(KeyboardInterrupt):
                train(broken)
    assert train(broken) == whole
    assert equal(weights(folder / "whole"), weights(folder / "broken"))
