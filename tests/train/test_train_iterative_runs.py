"""Iterative: runs end to end, killed and under torchrun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from iterative_samples import TINY, quick
from PIL import Image
from processes_alive import wait_for
from run_samples import equal, steps_done, weights

from mixset._common.errors import InputError
from pixmix._augment.settings import PixMixSettings
from pixmix.train._runs import checkpoints
from pixmix.train._runs.iterative_settings import IterativeSettings
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training import refresh_schedule
from pixmix.train._training.run import train

FLAGS = [f"--iterative.{name}={value}" for name, value in vars(TINY).items() if name not in ("lr", "budget")]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("network", ["wrn-10-1", "resnet18", "own_network:make"])
def test_networks_of_every_kind(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str) -> None:
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True))\n"
        "    return nn.Sequential(features, nn.Flatten(), nn.Linear(392, num_classes))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    out = tmp_path / "run"
    train(quick(colours, out, network=network))
    (entry,) = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert (entry["refreshes"], entry["last_refresh"], entry["refresh_every"]) == (2, 2, 2)  # before steps 2 and 4
    assert 0 < entry["refresh_seconds"] < entry["seconds"]
    # Seconds are rounded to thousandths, and the whole epoch may take a few hundredths.
    assert entry["refresh_share"] * entry["seconds"] == pytest.approx(entry["refresh_seconds"], abs=0.002)
    assert [path.name for path in (out / "fvis").iterdir()] == ["epoch-001.png"]
    assert Image.open(out / "fvis" / "epoch-001.png").width > 6 * 128
    assert (out / "images.png").exists()
    described = json.loads((out / "config.json").read_text())
    assert described["images"] == {"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}


def test_workers_do_not_change_a_run(colours: Path, tmp_path: Path) -> None:
    """Each image is mixed with the pool as it stands at its step, however far ahead a worker has cropped it."""
    for workers in (0, 1):
        train(quick(colours, tmp_path / str(workers), workers=workers, dropout=0.3))
    assert equal(weights(tmp_path / "0"), weights(tmp_path / "1"))
    train(quick(colours, tmp_path / "later", dropout=0.3, iterative=IterativeSettings(every=5, batch=4, steps=3)))
    assert not equal(weights(tmp_path / "0"), weights(tmp_path / "later"))


def test_a_budget_sets_the_steps_between(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refresh_schedule, "MEASURED", 2)
    budgeted = IterativeSettings(size=8, every=2, batch=4, steps=3, budget=0.02)
    train(quick(colours, tmp_path / "run", epochs=2, iterative=budgeted))
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    every = log[0]["refresh_every"]
    assert every > 6  # a refresh of 12 steps of the network cannot take a fiftieth of fewer
    assert log[1]["refresh_every"] == every
    (state,) = checkpoints.load(checkpoints.list_checkpoints(tmp_path / "run")[0])["processes"]
    assert state["method"]["schedule"]["every"] == every
    assert f"one every {every} steps" in capsys.readouterr().err


def log_of(run: Path) -> list[dict]:
    """The log without what the clock says."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if "seconds" not in name and "share" not in name} for line in lines
    ]


def command(data: Path, out: Path, *more: str) -> list[str]:
    program = ["-m", "pixmix.train", f"folder:{data}", "--recipe", "quick", "--network", "wrn-10-1", "--threads", "1"]
    program += ["--batch-size", "8", "--method", "iterative", *FLAGS, "--suite", "clean", "--dropout", "0.3"]
    return [sys.executable, *program, "--checkpoint-every", "1", "--epochs", "4", "--out", str(out), *more]


def test_killed_and_resumed_ends_with_the_same_weights(colours: Path, tmp_path: Path) -> None:
    """kill -9 in the second epoch, between two refreshes or within one; the pool comes back from the checkpoint."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(quick(colours, whole, epochs=4, dropout=0.3, checkpoint_every=1))
    with subprocess.Popen(
        command(colours, killed, "--workers", "1", "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: process.poll() is not None or steps_done(killed) >= 9, 120)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "metrics.json").exists(), "the run ended before it could be killed"
    (state,) = checkpoints.load(checkpoints.list_checkpoints(killed)[0])["processes"]
    assert len(state["method"]["pool"]["images"]) == 8
    assert state["method"]["schedule"]["refreshes"] >= 4
    train(quick(colours, killed, epochs=4, dropout=0.3, checkpoint_every=1, resume=True))
    assert equal(weights(whole), weights(killed))
    assert log_of(whole) == log_of(killed)
    assert sum(entry["refreshes"] for entry in log_of(whole)) == 11  # before each second of 24 steps but the first
    for epoch in range(1, 5):
        sheets = [RunFolder(run).sheet(epoch).read_bytes() for run in (whole, killed)]
        assert sheets[0] == sheets[1]
    assert len({RunFolder(whole).sheet(epoch).read_bytes() for epoch in range(1, 5)}) == 4


@pytest.mark.slow
def test_two_processes_have_pools_of_their_own_and_go_on_with_them(colours: Path, tmp_path: Path) -> None:
    """The network of the first try kills its process in the third epoch; the second try goes on from the checkpoint."""
    (tmp_path / "mortal.py").write_text(
        "import os, signal\nfrom mixset.generate._networks.wide_resnet import WideResNet\n\n\n"
        "class Mortal(WideResNet):\n    calls = 0\n\n    def forward(self, x):\n"
        "        self.calls += self.training\n"
        "        if self.calls == 16 and 'MORTAL' in os.environ:  # the first is a trial, before the first step\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return super().forward(x)\n\n\n"
        "def make(num_classes):\n    return Mortal(10, 1, 0.3, num_classes)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def torchrun(out: Path, *more: str, **extra: str) -> int:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        run = [*command(colours, out, "--workers", "0", *more)[1:], "--network", "mortal:make"]
        return subprocess.run(
            [*torchrun, *run], env={**environment, **extra}, capture_output=True, check=False
        ).returncode

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert torchrun(whole) == 0
    assert torchrun(killed, MORTAL="yes") != 0
    assert steps_done(killed) == 14
    assert torchrun(killed, "--resume") == 0
    assert equal(weights(whole), weights(killed))
    assert log_of(whole) == log_of(killed)
    states = checkpoints.load(checkpoints.list_checkpoints(whole)[0])["processes"]
    first, second = (state["method"]["pool"] for state in states)
    assert first["refreshes"] == second["refreshes"] == [10] * 4 + [11] * 4
    assert (first["layers"], first["channels"]) != (second["layers"], second["channels"])
    assert not torch.equal(first["images"], second["images"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixing_set": ("fractals",)}, "mixing_set: is for the methods"),
        ({"network": "torchvision.ops:MLP"}, "MLP: fails, called with num_classes"),
        ({"mix": PixMixSettings(partner="input")}, r"mix\.partner input: the method iterative mixes both"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_lost(
    colours: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(quick(colours, tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()
