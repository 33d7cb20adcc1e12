"""The loss of each step in steps.csv and for TensorBoard: right, not written twice, cut back when a run is resumed."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from run_samples import command, quick, torchrun
from torch import Tensor

from mixset._common.errors import InputError
from pixmix.train._training import step as step_module
from pixmix.train._training.run import train
from pixmix.train._training.schedule import learning_rate

pytestmark = pytest.mark.usefixtures("one_thread")
WAYS: dict[str, Any] = {"epochs": 3, "dropout": 0.3, "checkpoint_every": 2}


def rows(run: Path) -> list[dict[str, str]]:
    with open(run / "steps.csv", newline="") as file:
        return list(csv.DictReader(file))


def epochs(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_each_step_has_its_loss_and_rate(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses: list[float] = []
    learn = step_module.Step._learn

    def noted(self: step_module.Step, images: Tensor, targets: Tensor, *rest: Any) -> None:
        before = self.loss_sum.item()
        learn(self, images, targets, *rest)
        losses.append(self.loss_sum.item() - before)

    monkeypatch.setattr(step_module.Step, "_learn", noted)
    config = quick(colours, tmp_path / "run", **WAYS, log_steps=True)
    train(config)
    found = rows(tmp_path / "run")
    assert [(row["epoch"], row["step"]) for row in found] == [(str(e), str(s)) for e in (1, 2, 3) for s in range(1, 7)]
    assert [float(row["loss"]) for row in found] == pytest.approx(losses)
    assert [float(row["lr"]) for row in found] == pytest.approx([learning_rate(n, 6, config) for n in range(18)])
    means = [sum(losses[start : start + 6]) / 6 for start in (0, 6, 12)]
    assert [entry["loss"] for entry in epochs(tmp_path / "run")] == pytest.approx(means)


def test_off_is_off_and_changes_nothing(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "off"))
    assert not (tmp_path / "off" / "steps.csv").exists() and not (tmp_path / "off" / "tensorboard").exists()


def test_a_resumed_run_has_each_row_once(colours: Path, tmp_path: Path, steps_left: list[int]) -> None:
    train(quick(colours, tmp_path / "whole", **WAYS, log_steps=True))
    broken = quick(colours, tmp_path / "broken", **WAYS, log_steps=True, resume=True)
    for steps in (1, 5, 9):
        steps_left[:] = [steps]
        with pytest.raises(KeyboardInterrupt):
            train(broken)
    steps_left[:] = []
    train(broken)
    assert (tmp_path / "whole" / "steps.csv").read_text() == (tmp_path / "broken" / "steps.csv").read_text()


@pytest.mark.slow
def test_the_losses_of_two_processes_are_means_of_whole_batches(colours: Path, tmp_path: Path) -> None:
    done = torchrun(tmp_path, *command(colours, tmp_path / "two", "--log-steps", "--suite", "clean", "--sync-bn")[1:])
    assert done.returncode == 0, done.stderr
    train(quick(colours, tmp_path / "one", epochs=2, log_steps=True))
    one, two = ([float(row["loss"]) for row in rows(tmp_path / name)] for name in ("one", "two"))
    assert two == pytest.approx(one, rel=1e-2)


def test_without_tensorboard_one_line_says_so(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r'^tensorboard: is not installed; pip install "pixmix\[tensorboard\]"'):
        train(quick(colours, tmp_path / "run", tensorboard=True))
    assert not (tmp_path / "run").exists()


def test_tensorboard_reads_what_a_broken_and_resumed_run_wrote(
    colours: Path, tmp_path: Path, steps_left: list[int]
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = quick(colours, tmp_path / "run", **WAYS, log_steps=True, tensorboard=True, resume=True)
    steps_left[:] = [9]
    with pytest.raises(KeyboardInterrupt):
        train(run)
    steps_left[:] = []
    train(run)
    read = accumulator.EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    read.Reload()
    for name, tag in (("loss", "train/loss"), ("lr", "train/lr")):
        scalars = read.Scalars(tag)
        assert [scalar.step for scalar in scalars] == list(range(1, 19))
        values = [float(row[name]) for row in rows(tmp_path / "run")]
        assert [scalar.value for scalar in scalars] == pytest.approx(values, rel=1e-5)
    errors = [(scalar.step, scalar.value) for scalar in read.Scalars("test/error")]
    logged = [entry["test_error"] for entry in epochs(tmp_path / "run")]
    assert errors == [(6 * n, pytest.approx(error)) for n, error in enumerate(logged, 1)]
