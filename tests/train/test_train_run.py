"""Runs end to end: what is left in the folder, killed and resumed, one process and two, bad input."""

from __future__ import annotations

import functools
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from processes_alive import wait_for
from run_samples import command, equal, needs, quick, steps_done, torchrun, weights

from mixset._common.errors import InputError
from mixset._common.partials import HOST
from mixset._common.seals import write_sealed
from pixmix.methods import METHODS
from pixmix.methods._settings import AugMixSettings
from pixmix.train._command.cli import main
from pixmix.train._runs import checkpoints
from pixmix.train._training import state
from pixmix.train._training.batches import TrainingSet
from pixmix.train._training.run import train

TIMES = ("seconds", "waited_share")
"""Entries of the log that no two runs share."""


def test_a_run_leaves_everything_in_its_folder(
    colours: Path,
    mixing_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    done = subprocess.run(
        command(colours, out, "--method", "pixmix", "--mixing-set", str(mixing_folder), "--workers", "1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "AUROC" in done.stdout
    names = {path.name for path in out.iterdir()}
    assert {"config.json", "log.jsonl", "checkpoints", "weights.safetensors", "metrics.json", "logits"} <= names
    assert {"images.png", "mixing_set.png"} <= names
    assert not [name for name in names if "partial" in name]
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in log] == [1, 2]
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["clean"]["error"]["value"] == pytest.approx(log[-1]["test_error"])
    assert metrics["clean"]["error"]["n"] == 30
    assert {"clean", "calibration", "adversaries", "anomalies"} <= metrics.keys()
    config = json.loads((out / "config.json").read_text())
    assert config["network"]["name"] == "wrn-10-1"
    # A second call with --resume finds the run ended and leaves it alone; without, it is refused.
    before = (out / "metrics.json").stat().st_mtime_ns
    arguments = command(colours, out, "--method", "pixmix", "--mixing-set", str(mixing_folder), "--workers", "1")[3:]
    monkeypatch.setattr(sys, "argv", ["pixmix", *arguments, "--resume"])
    main("train")
    assert (out / "metrics.json").stat().st_mtime_ns == before
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["pixmix", *arguments])
    with pytest.raises(SystemExit) as ended:
        main("train")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--resume" in said


ALONE = [name for name, row in METHODS.items() if row.changes != "views"]
COMPOSED = ["pixmix+cutmix", "sin+pixmix", "prime+pixmix", "sin+cutout+mixup", "cutout+ant", "iterative+adversarial-l2"]
OF_VIEWS = ["pixmix+jsd", "iterative+jsd"]


@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize("method", [*ALONE, *COMPOSED, *OF_VIEWS])
def test_each_method_trains_and_repeats(
    colours: Path,
    mixing_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    one_thread: None,
    method: str,
    tensors: bool,
) -> None:
    """On arrays, as on a CPU, and on tensors, as on a GPU."""
    monkeypatch.setattr(state, "TrainingSet", functools.partial(TrainingSet, tensors=tensors))
    changes = needs(method, colours, mixing_folder)
    metrics = [train(quick(colours, tmp_path / name, **changes)) for name in "ab"]
    assert metrics[0] == metrics[1]
    assert metrics[0] is not None and metrics[0]["method"] == method
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))


@pytest.mark.parametrize("method", ["ant", "pixmix+ant", "iterative+cutmix", "oe"])
def test_a_methods_state_is_resumed(
    colours: Path, mixing_folder: Path, tmp_path: Path, steps_left: list[int], one_thread: None, method: str
) -> None:
    """A run that is broken off within each of its epochs ends as one that is not."""
    changes = {**needs(method, colours, mixing_folder), "epochs": 3, "checkpoint_every": 1}
    whole = train(quick(colours, tmp_path / "whole", **changes))
    for steps in (4, 5, 100):
        steps_left[:] = [steps]
        broken = quick(colours, tmp_path / "broken", **changes, resume=True)
        if steps < 100:
            with pytest.raises(KeyboardInterrupt):
                train(broken)
    assert train(broken) == whole
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "broken"))


def test_training_learns(colours: Path, tmp_path: Path) -> None:
    metrics = train(quick(colours, tmp_path / "run", epochs=6))
    assert metrics is not None
    assert metrics["clean"]["error"]["value"] < 0.2  # guessing has 0.67


def test_another_seed_is_another_run(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "a"))
    train(quick(colours, tmp_path / "b", seed=1))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "b"))


@pytest.mark.parametrize("kill_after", [3, 8])
def test_killed_and_resumed_ends_with_the_same_weights(
    colours: Path, mixing_folder: Path, tmp_path: Path, kill_after: int, one_thread: None
) -> None:
    """kill -9 within the first of 5 epochs (6 steps) and within the second; dropout, so that random states count."""
    mixing = ("--method", "pixmix", "--mixing-set", str(mixing_folder))
    more = (*mixing, "--workers", "1", "--suite", "clean", "--dropout", "0.3", "--checkpoint-every", "1")
    same = {"method": "pixmix", "mixing_set": (str(mixing_folder),), "dropout": 0.3, "checkpoint_every": 1, "epochs": 5}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(quick(colours, whole, **same))
    with subprocess.Popen(
        command(colours, killed, *more, "--resume", epochs=5), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: process.poll() is not None or steps_done(killed) >= kill_after, 120)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "metrics.json").exists(), "the run ended before it could be killed"
    assert steps_done(killed) >= kill_after
    train(quick(colours, killed, **same, resume=True))
    assert equal(weights(whole), weights(killed))

    def log(run: Path) -> list[dict]:
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        return [{name: value for name, value in line.items() if name not in TIMES} for line in lines]

    assert log(whole) == log(killed)
    assert (whole / "metrics.json").read_text() == (killed / "metrics.json").read_text()


def test_killed_before_its_first_checkpoint_it_begins_anew(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "whole", epochs=2))
    train(quick(colours, tmp_path / "run", epochs=2))
    run = tmp_path / "run"
    for path in (run / "metrics.json", run / "weights.safetensors", *checkpoints.list_checkpoints(run)):
        path.unlink()
    half = run / "checkpoints" / f"step-00001-0000000.pt.4194305-{HOST}-{'0' * 16}.partial"
    half.write_bytes(b"half a checkpoint")
    train(quick(colours, run, epochs=2, resume=True))
    assert equal(weights(tmp_path / "whole"), weights(run))
    assert len((run / "log.jsonl").read_text().splitlines()) == 2
    assert not list(run.rglob("*.partial"))


def test_two_processes_take_the_steps_of_one(
    colours: Path, mixing_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without batch statistics the gradients of two processes are one's, the uneven last batch (45 = 5·8 + 5) too."""
    (tmp_path / "plain_network.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(392, num_classes))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    network = ("--network", "plain_network:make", "--suite", "clean", "--workers", "0")
    more = (*network, "--method", "pixmix", "--mixing-set", str(mixing_folder), "--lr", "0.02")
    done = torchrun(tmp_path, *command(colours, tmp_path / "two", *more)[1:])
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(sys, "argv", ["pixmix", *command(colours, tmp_path / "one", *more)[3:]])
    main("train")
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    start = weights_at_start(tmp_path)
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)
        assert (value - start[name]).abs().max() > 1e-3
    logs = [json.loads((tmp_path / run / "log.jsonl").read_text().splitlines()[-1]) for run in ("one", "two")]
    assert logs[0]["test_error"] == pytest.approx(logs[1]["test_error"])
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-3)


def weights_at_start(tmp_path: Path) -> dict[str, torch.Tensor]:
    from mixset.generate._networks.spec import network_spec

    torch.manual_seed(0)
    return network_spec("plain_network:make", classes=3).build().state_dict()


def test_weights_start_another_run(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "first", epochs=4))
    tuned = train(quick(colours, tmp_path / "tuned", init=str(tmp_path / "first" / "weights.safetensors"), lr=1e-6))
    first = json.loads((tmp_path / "first" / "metrics.json").read_text())
    assert tuned is not None
    assert tuned["clean"]["error"]["value"] == pytest.approx(first["clean"]["error"]["value"], abs=0.07)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "pixmax"}, "mix-input"),
        ({"method": "mixup+cutmix"}, "both change each batch"),
        ({"method": "augmix+cutmix"}, "jsd"),
        ({"method": "oe"}, "needs `outliers`"),
        ({"outliers": Path("somewhere")}, "outliers: is for the method"),
        ({"method": "sin"}, "needs `copies`"),
        ({"copies": Path("somewhere")}, "copies: is for the method"),
        ({"method": "sin", "copies": Path("no/such/folder")}, "no/such/folder"),
        ({"method": "pixmix"}, "`mixing_set`"),
        ({"mixing_set": ("somewhere",)}, "mixing_set: is for the method"),
        ({"method": "pixmix", "mixing_set": ("no/such/folder",)}, "no/such/folder"),
        ({"init": "no.pt"}, "no.pt"),
        ({"init": "torchvision"}, "init torchvision"),
        ({"device": "cuda:9"}, "cuda:9"),
        ({"device": "tpu"}, "tpu"),
        ({"amp": "fp16"}, "fp16"),
        ({"network": "wrn-11-1"}, "wrn-11-1"),
        ({"suite": ("beauty",)}, "beauty"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_lost(
    colours: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(quick(colours, tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_of_other_settings_is_not_resumed(colours: Path, tmp_path: Path) -> None:
    train(quick(colours, tmp_path / "run"))
    before = weights(tmp_path / "run")
    for _ in ("ended", "not ended"):
        with pytest.raises(InputError, match=r"holds a run with lr 0\.1, not 0\.2"):
            train(quick(colours, tmp_path / "run", lr=0.2, resume=True))
        (tmp_path / "run" / "metrics.json").unlink(missing_ok=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match="holds no run"):
        train(quick(colours, tmp_path / "other", resume=True))
    assert equal(before, weights(tmp_path / "run"))


def test_a_run_of_an_older_release_had_what_is_now_the_default(colours: Path, tmp_path: Path) -> None:
    whole = train(quick(colours, tmp_path / "run"))
    path = tmp_path / "run" / "config.json"
    described = json.loads(path.read_text())
    del described["config"]["augmix"], described["config"]["copies"]
    path.write_text(json.dumps(described))
    assert train(quick(colours, tmp_path / "run", resume=True)) == whole
    with pytest.raises(InputError, match="holds a run with augmix"):
        train(quick(colours, tmp_path / "run", resume=True, augmix=AugMixSettings(width=2)))


@pytest.mark.parametrize(("number", "message"), [(99, "was written by another release"), ("x", "is not of a run of")])
def test_a_checkpoint_of_another_release_is_named(colours: Path, tmp_path: Path, number: object, message: str) -> None:
    train(quick(colours, tmp_path / "run"))
    (tmp_path / "run" / "metrics.json").unlink()
    path, content = checkpoints.list_checkpoints(tmp_path / "run")[0], io.BytesIO()
    torch.save({**checkpoints.load(path), "format": number}, content)
    write_sealed(path, content.getvalue())
    with pytest.raises(InputError, match=rf"step-00001-0000000\.pt: {message}"):
        train(quick(colours, tmp_path / "run", resume=True))


def test_a_loss_that_explodes_is_said(colours: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lower `lr`"):
        train(quick(colours, tmp_path / "run", lr=1000.0, epochs=20))
