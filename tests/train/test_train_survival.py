"""What a training survives: damaged checkpoints, a loss that is not finite, requests to stop, other numbers of ranks,
images that cannot be read. What ends a process at once is in test_train_kills.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from run_samples import equal, quick, weights

from mixset._common.errors import InputError
from mixset.generate._networks.loading import load_network
from pixmix.train._runs import checkpoints
from pixmix.train._runs.config import TrainConfig
from pixmix.train._training import loop
from pixmix.train._training.batches import Batch, BatchPlan
from pixmix.train._training.run import train
from pixmix.train._training.watch import EVERY, LossWatch

pytestmark = pytest.mark.usefixtures("one_thread")
WAYS: dict[str, Any] = {"epochs": 2, "dropout": 0.3, "checkpoint_every": 2}


@pytest.fixture(scope="module")
def whole(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 2 epochs, 6 steps each, that nothing disturbed."""
    out = tmp_path_factory.mktemp("survival") / "whole"
    train(quick(colours, out, **WAYS))
    return out


def not_ended(whole: Path, out: Path) -> Path:
    """A copy of a run that looks as if it had been killed after its last checkpoint."""
    shutil.copytree(whole, out)
    (out / "metrics.json").unlink()
    (out / "weights.safetensors").unlink()
    return out


def names(run: Path) -> list[str]:
    return [path.name for path in checkpoints.list_checkpoints(run)]


def test_a_damaged_newest_one_costs_the_steps_since_the_one_before(
    colours: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = not_ended(whole, tmp_path / "run")
    assert names(run) == ["step-00002-0000000.pt", "step-00001-0000004.pt", "step-00001-0000002.pt"]
    newest = checkpoints.list_checkpoints(run)[0]
    newest.write_bytes(newest.read_bytes()[:-1000])
    load_network(f"run:{run}")  # reads the one before it, and changes nothing
    assert newest.exists()
    train(quick(colours, run, resume=True, **WAYS))
    assert f"checkpoint {newest} is damaged" in capsys.readouterr().err
    assert equal(weights(run), weights(whole))
    assert newest.with_name(f"{newest.name}.damaged").exists()
    assert names(run) == names(whole)


def test_the_single_checkpoint_of_an_older_release_is_resumed(colours: Path, whole: Path, tmp_path: Path) -> None:
    run = not_ended(whole, tmp_path / "run")
    checkpoints.list_checkpoints(run)[1].replace(run / "checkpoint.pt")
    shutil.rmtree(run / "checkpoints")
    assert load_network(f"run:{run}").body is not None
    train(quick(colours, run, resume=True, **WAYS, keep_checkpoints=2))
    assert equal(weights(run), weights(whole))
    assert names(run) == ["step-00002-0000000.pt", "checkpoint.pt"]


def test_one_is_written_when_its_minutes_have_passed(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "run", checkpoint_minutes=1e-9, keep_checkpoints=4))
    assert names(tmp_path / "run") == [
        f"step-{done}.pt" for done in ("00001-0000000", *(f"00000-000000{n}" for n in "654"))
    ]


class Ruined(loop.Training):
    """A training whose loss is not finite from step 4 of epoch 2 on."""

    def _step(self, batch: Batch) -> None:
        super()._step(batch)
        if (self.epoch, self.position) == (1, 3):
            self.step.loss_sum += float("nan")


def test_no_checkpoint_is_written_of_a_loss_that_is_not_finite(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pixmix.train._training.run.Training", Ruined)
    with pytest.raises(InputError, match=r"not finite since step 4 of epoch 2 \(images ") as caught:
        train(quick(colours, tmp_path / "run", **WAYS))
    named = str(caught.value).partition("(images ")[2].partition(")")[0].split(", ")
    plan = BatchPlan(45, 8, seed=0)
    assert [int(index) for index in named] == plan.parts(1, 3, 1)[0].tolist()
    assert names(tmp_path / "run")[0] == "step-00001-0000002.pt"


def test_weights_that_are_not_finite_are_not_kept(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not finite .*lower `lr`.*earlier checkpoints are kept"):
        train(quick(colours, tmp_path / "run", lr=999.0, weight_decay=999.0, epochs=9, checkpoint_every=1))
    for path in checkpoints.list_checkpoints(tmp_path / "run"):
        assert all(value.isfinite().all() for value in checkpoints.load(path)["model"].values())


@pytest.mark.parametrize("first", [0, 1, 24, 25, 30, 49])
def test_the_step_is_found_within_fifty(first: int) -> None:
    total = torch.zeros((), dtype=torch.float64)
    watch = LossWatch(total)
    watch.begin()
    steps = 0
    while watch.found is None:
        total += float("inf") if steps == first else 1.0
        watch.note(100 + steps)
        steps += 1
    assert watch.found == 100 + first
    assert steps <= first + 2 * EVERY
    late = LossWatch(total)
    late.begin()
    assert late.look() is None
    late.note(5)
    assert (late.found, late.look()) == (None, 5)


def stopping(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, at: tuple[int, int], where: str) -> None:
    """Send this process a signal once, at a step or in the test after an epoch."""
    method, sent = getattr(loop.Training, where), list[int]()

    def signalled(training: loop.Training, *arguments: Any) -> Any:
        if (training.epoch, training.position) == at and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
        return method(training, *arguments)

    monkeypatch.setattr(loop.Training, where, signalled)


@pytest.mark.parametrize(
    ("number", "at", "where", "kept"),
    [
        (signal.SIGTERM, (0, 2), "_step", "step-00000-0000003.pt"),
        (signal.SIGUSR1, (1, 5), "_step", "step-00001-0000006.pt"),
        (signal.SIGTERM, (0, 6), "test", "step-00000-0000006.pt"),
        (signal.SIGUSR1, (1, 0), "save", "step-00001-0000000.pt"),
    ],
)
def test_a_request_to_stop_loses_no_step(
    colours: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    at: tuple[int, int],
    where: str,
    kept: str,
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1)]
    stopping(monkeypatch, number, at, where)
    with pytest.raises(SystemExit) as ended:
        train(quick(colours, tmp_path / "run", **{**WAYS, "checkpoint_every": 100}))
    assert ended.value.code == 75
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGUSR1)] == before
    assert "with a checkpoint; exit code 75: the run can be resumed\n" in capsys.readouterr().err
    assert names(tmp_path / "run")[0] == kept
    train(quick(colours, tmp_path / "run", resume=True, **WAYS))
    assert equal(weights(tmp_path / "run"), weights(whole))


def test_outside_of_training_nothing_is_waited_for(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopping(monkeypatch, signal.SIGUSR1, (0, 0), "load")
    with pytest.raises(SystemExit) as ended:
        train(quick(colours, tmp_path / "run", resume=True))
    assert ended.value.code == 75
    assert capsys.readouterr().err.endswith("stopped: finished work is kept; exit code 75: the run can be resumed\n")


def test_a_restart_by_torchrun_resumes(
    colours: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = not_ended(whole, tmp_path / "run")
    with pytest.raises(InputError, match="holds a run"):
        train(quick(colours, run, **WAYS))
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    train(quick(colours, run, **WAYS))
    assert equal(weights(run), weights(whole))


def by_two(path: Path) -> None:
    """As if two processes had written the checkpoint."""
    state = checkpoints.load(path)
    (own,) = state["processes"]
    state["processes"] = [{**own, "loss_sum": own["loss_sum"] * share} for share in (1.5, 0.5)]
    checkpoints.save(state, path)


def test_another_number_of_processes_goes_on_with_the_same_images(
    colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without dropout it ends in the same weights even, where one process goes on."""
    ways = {**WAYS, "dropout": 0.0}
    train(quick(colours, tmp_path / "whole", **ways))
    run = not_ended(tmp_path / "whole", tmp_path / "run")
    checkpoints.list_checkpoints(run)[0].unlink()
    by_two(checkpoints.list_checkpoints(run)[0])
    capsys.readouterr()
    train(quick(colours, run, resume=True, **ways))
    assert "is resumed by 1 processes after 2: with the same images in the same order" in capsys.readouterr().err
    assert equal(weights(run), weights(tmp_path / "whole"))
    losses = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
    kept = [json.loads(line)["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert losses == pytest.approx(kept)


def test_dropout_is_drawn_anew_by_another_number_of_processes(colours: Path, whole: Path, tmp_path: Path) -> None:
    ended = []
    for name in "ab":
        run = not_ended(whole, tmp_path / name)
        checkpoints.list_checkpoints(run)[0].unlink()
        by_two(checkpoints.list_checkpoints(run)[0])
        train(quick(colours, run, resume=True, **WAYS))
        ended.append(weights(run))
    assert equal(*ended)
    assert not equal(ended[0], weights(whole))


def test_a_broken_image_is_skipped_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in "ab":
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                image = chance.integers(0, 256, (72, 72, 3), np.uint8)
                Image.fromarray(image).save(tmp_path / part / name / f"{number}.png")

    def config(out: str, **more: Any) -> TrainConfig:
        return quick(tmp_path, tmp_path / out, size=65, batch_size=4, epochs=2, **more)

    train(config("whole"))
    lost = tmp_path / "train" / "b" / "1.png"
    lost.write_bytes(lost.read_bytes()[:200])
    with pytest.raises(InputError, match=r"image .*b/1\.png: "):
        train(config("run"))
    train(config("run", skip_broken=True, resume=True))
    assert capsys.readouterr().err.count("skipped: image") == 1
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [entry["skipped"] for entry in log] == [1, 1]
    train(config("again", skip_broken=True, workers=1))
    assert equal(weights(tmp_path / "run"), weights(tmp_path / "again"))
    assert not equal(weights(tmp_path / "run"), weights(tmp_path / "whole"))
