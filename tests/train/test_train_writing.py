"""Checkpoints written by a thread: of the step that they are named after, whole at each end, errors not lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from run_samples import equal, quick, weights

from mixset._common.errors import InputError
from pixmix.train._runs import checkpoints
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training import loop
from pixmix.train._training.batches import Batch
from pixmix.train._training.run import train
from pixmix.train._training.writing import Writer, copied

pytestmark = pytest.mark.usefixtures("one_thread")
WAYS: dict[str, Any] = {"epochs": 2, "dropout": 0.3, "checkpoint_every": 2, "resume": True}


@pytest.mark.parametrize("options", [{}, {"optimizer": "adamw", "ema_decay": 0.9, "lr": 0.01}, {"method": "rotpred"}])
def test_what_is_written_is_the_state_of_its_step(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    """The writer of step 2's is held back until step 4 has been taken, and the run is broken off in step 5."""
    train(quick(colours, tmp_path / "whole", **WAYS, **options))
    taken, keep, step = threading.Event(), RunFolder.keep, loop.Training._step

    def late(folder: RunFolder, state: dict[str, Any], count: int) -> None:
        assert taken.wait(60)
        keep(folder, state, count)

    def counted(training: loop.Training, batch: Batch) -> None:
        step(training, batch)
        if training.position == 3:
            taken.set()
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunFolder, "keep", late)
        patch.setattr(loop.Training, "_step", counted)
        train(quick(colours, tmp_path / "run", **WAYS, **options))
    assert [path.name for path in checkpoints.list_checkpoints(tmp_path / "run")] == ["step-00000-0000002.pt"]
    train(quick(colours, tmp_path / "run", **WAYS, **options))
    assert equal(weights(tmp_path / "run"), weights(tmp_path / "whole"))


@pytest.mark.parametrize("fails", [1, 3, 7])
def test_one_that_cannot_be_written_ends_the_run(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    """The first, one on the way, and the last, after which no other follows."""
    keep, written = RunFolder.keep, list[int]()

    def full(folder: RunFolder, state: dict[str, Any], count: int) -> None:
        written.append(1)
        if len(written) == fails:
            raise InputError("cannot write it: the disk is full")
        keep(folder, state, count)

    monkeypatch.setattr(RunFolder, "keep", full)
    ways = {**WAYS, "epochs": 2, "checkpoint_every": 2}
    if fails < 7:
        with pytest.raises(InputError, match="the disk is full"):
            train(quick(colours, tmp_path / "run", **ways))
        assert len(written) == fails and not (tmp_path / "run" / "metrics.json").exists()
        return
    written[:] = [1]
    with pytest.raises(InputError, match="the disk is full"):
        train(quick(colours, tmp_path / "run", **ways))
    assert len(written) == 7 and not (tmp_path / "run" / "weights.safetensors").exists()


def test_a_writer_works_one_after_the_other() -> None:
    order, go, writer = list[str](), threading.Event(), Writer()

    def first() -> None:
        go.wait(60)
        order.append("first")

    writer.start(first)
    threading.Timer(0.05, go.set).start()
    writer.start(lambda: order.append("second"))
    writer.wait()
    assert order == ["first", "second"]
    writer.start(lambda: [][0])
    writer.join()
    with pytest.raises(IndexError):
        writer.start(lambda: order.append("third"))
    writer.wait()
    assert order == ["first", "second"]


def test_a_copy_is_apart_and_shares_what_was_shared() -> None:
    weight = torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {"model": {"w": weight}, "extended": {"body.w": weight.detach()}, "list": [1, (weight[0], None)], "lr": 0.1}
    made = copied(state)
    before = weight.clone()
    weight.zero_()
    assert torch.equal(made["model"]["w"], before) and made["model"]["w"].stride() == before.stride()
    assert made["model"]["w"].data_ptr() == made["extended"]["body.w"].data_ptr()
    assert torch.equal(made["list"][1][0], before[0]) and made["list"][1][1] is None and made["lr"] == 0.1
