"""What a training leaves is what measuring and loading find: its metrics, its network, torch as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from evaluate_samples import configure
from run_samples import QUICK, quick

import pixmix
from mixset._common.errors import InputError
from pixmix.train._data.datasets import load_test
from pixmix.train._evaluation.config import EvaluateConfig
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._runs import checkpoints
from pixmix.train._training.run import train


@pytest.mark.slow
def test_a_run_of_two_processes_ends_with_the_metrics_of_one(colours: Path, tmp_path: Path) -> None:
    """Batch statistics of both processes are those of the first, in `weights.safetensors` and when both measure."""
    words = [f"folder:{colours}", *QUICK, "--epochs", "1", "--out", str(tmp_path / "two"), "--workers", "0"]
    words += ["--suite", "clean", "calibration", "anomalies"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*torchrun, "-m", "pixmix.train", *words], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    shutil.rmtree(tmp_path / "two" / "logits")
    found = evaluate(configure(tmp_path / "two", "--suite", "clean", "calibration", "anomalies"))
    assert found is not None
    for suite in ("clean", "calibration", "anomalies"):
        assert json.loads(json.dumps(found[suite])) == metrics[suite]


def test_load_gives_the_network_of_a_run(own: Path, colours: Path) -> None:
    network = pixmix.load(own)
    assert not any(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    _, test = load_test(f"folder:{colours}", size=16)
    with torch.no_grad():
        wrong = network(torch.from_numpy(test.array).permute(0, 3, 1, 2) / 255).argmax(1).numpy() != test.labels
        assert wrong.mean() == json.loads((own / "metrics.json").read_text())["clean"]["error"]["value"]
        # Another caller has another network.
        before = pixmix.load(str(own)).body.fc.weight.clone()
        network.body.fc.weight += 1
        assert torch.equal(pixmix.load(own).body.fc.weight, before)


def test_load_refuses_what_is_no_run_and_code_that_a_file_names(own: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"run {tmp_path}/nowhere: no such folder"):
        pixmix.load(tmp_path / "nowhere")
    with pytest.raises(InputError, match="run: a path is needed, got 3"):
        pixmix.load(3)
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(
        json.dumps(config | {"network": {"factory": "torch.nn:Identity", "arguments": {}}})
    )
    with pytest.raises(InputError, match=r"names torch\.nn:Identity, and what files name is not run"):
        pixmix.load(own)


def test_training_and_measuring_leave_torch_as_it_was(colours: Path, tmp_path: Path) -> None:
    torch.manual_seed(11)
    threads = torch.get_num_threads()
    expected = torch.random.get_rng_state().clone()
    train(quick(colours, tmp_path / "run", threads=threads + 1))
    evaluate(EvaluateConfig(model=str(tmp_path / "run"), suite=("clean",), out=tmp_path / "out", workers=0))
    assert torch.equal(torch.random.get_rng_state(), expected)
    assert torch.get_num_threads() == threads


def test_killed_between_weights_and_metrics_a_run_goes_on(own: Path, colours: Path) -> None:
    ended = json.loads((own / "metrics.json").read_text())
    before = checkpoints.read_weights(own / "weights.safetensors")
    (own / "metrics.json").unlink()
    shutil.rmtree(own / "logits")
    assert json.loads(json.dumps(train(quick(colours, own, resume=True)))) == ended
    after = checkpoints.read_weights(own / "weights.safetensors")
    assert all(torch.equal(after[name], value) for name, value in before.items())
