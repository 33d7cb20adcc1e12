"""`pixmix evaluate` of checkpoint files, functions and saved logits, in one process, in two, and killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_samples import OURS, configure
from processes_alive import wait_for
from torch import nn

import pixmix
from mixset._common.errors import InputError
from mixset.generate._networks.spec import network_spec
from pixmix.readers import IMAGENET, _robustbench
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._evaluation.models import load_model
from pixmix.train._runs import checkpoints


def test_files_of_the_papers_form(run: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `pixmix train` trained, saved as the paper's code saves it, measures as itself."""
    state = {f"module.{name}": value for name, value in checkpoints.read_weights(run / "weights.safetensors").items()}
    content = {"epoch": 99, "dataset": "cifar10", "model": "wrn", "state_dict": state, "best_acc": np.float64(0.9)}
    torch.save({**content, "optimizer": {"state": {}}}, tmp_path / "checkpoint.pth.tar")
    monkeypatch.chdir(tmp_path)
    data = ("--network", "wrn-10-1", "--dataset", f"folder:{colours}", "--suite", "clean", "calibration")
    evaluate(configure("checkpoint.pth.tar", *data))
    metrics = json.loads((tmp_path / "evaluations" / "checkpoint" / "metrics.json").read_text())
    assert metrics["clean"] == json.loads((run / "metrics.json").read_text())["clean"]
    assert metrics["model"] == "checkpoint.pth.tar"
    assert (tmp_path / "evaluations" / "checkpoint" / "logits" / "clean.npz").exists()


def evaluation(colours: Path, sets: Path) -> list[str]:
    """The words that measure a network of the user's in all ways that keep logits."""
    words = ["mynets.flat:make", "--dataset", f"folder:{colours}", "--eval-batch-size", "4", "--workers", "0"]
    words += ["--seed", "3", "--suite", "clean", "calibration", "anomalies", "c", "p"]
    return [*words, "--c", str(sets / "c"), "--p", str(sets / "p")]


def measures_as_one_process(words: list[str], out: Path) -> None:
    """Check that `metrics.json` of a folder is what one process writes that is left alone."""
    one = evaluate(configure(*words, "--out", out.parent / "one"))
    assert one is not None and one["clean"]["error"]["n"] == 30
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(one))


def test_a_killed_evaluation_goes_on(functions: Path, colours: Path, sets: Path) -> None:
    words, killed = evaluation(colours, sets), functions / "killed"
    slow = {**os.environ, "OMP_NUM_THREADS": "1", "SECONDS_A_BATCH": "0.02"}
    with subprocess.Popen(
        [OURS, "evaluate", *words, "--out", str(killed)], env=slow, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: process.poll() is not None or (killed / "logits/c-fog-1.npz").exists(), 120)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "metrics.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in (killed / "logits").glob("*.npz")}
    assert len(kept) < 80
    evaluate(configure(*words, "--out", killed))
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())
    measures_as_one_process(words, killed)


@pytest.mark.slow
def test_two_processes_under_torchrun_measure_as_one(functions: Path, colours: Path, sets: Path) -> None:
    """As `test_evaluators_processes` says of the library, and `test_train_run` of training under torchrun."""
    words = evaluation(colours, sets)
    # Without -- its own parser takes --p and --r for the beginnings of several options of its own.
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*torchrun, "--", OURS, "evaluate", *words, "--out", str(functions / "two")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("metrics.json") == 1
    measures_as_one_process(words, functions / "two")


def test_folders_of_some_of_imagenets_classes(functions: Path, colours: Path) -> None:
    """A network of 1,000 classes has ImageNet's: folders that are called as these have their numbers."""
    numbers = {"blue": 1, "green": 8, "red": 207}
    wnids = ("n01443537", "n01514859", "n02099601")
    for name, wnid in zip(numbers, wnids, strict=True):
        shutil.copytree(colours / "test" / name, functions / "val" / wnid)
    found = evaluate(
        configure(
            "mynets.flat:imagenet",
            "--dataset",
            f"folder:{functions / 'val'}",
            "--suite",
            "clean",
            "--out",
            functions / "o",
        )
    )
    assert found is not None
    kept = np.load(functions / "o" / "logits" / "clean.npz", allow_pickle=False)
    assert kept["labels"].tolist() == [number for number in numbers.values() for _ in range(10)]
    assert found["clean"]["error"]["value"] == np.mean(kept["logits"].argmax(1) != kept["labels"])
    model = load_model("mynets.flat:imagenet")
    assert tuple(model.network.mean.flatten().tolist()) == pytest.approx((0.485, 0.456, 0.406))
    assert IMAGENET.crop == 224


def test_robustbenchs_images_alone(functions: Path, colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told by the names of files, and stand in no folder with measures of all images."""
    monkeypatch.setattr(_robustbench, "COUNT", 3)
    monkeypatch.setattr(_robustbench, "robustbench_numbers", lambda: frozenset({2, 3, 14}))
    for number, file in enumerate(sorted((colours / "test").glob("*/*"))[:15]):
        target = functions / "val" / f"n{1443537 if number < 10 else 1514859:08}" / f"ILSVRC2012_val_{number:08}.JPEG"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target)
    data = ("mynets.flat:imagenet", "--dataset", f"folder:{functions / 'val'}", "--size", "80", "--suite", "clean")
    found = evaluate(configure(*data, "--out", functions / "o", "--robustbench"))
    assert found is not None and found["robustbench"] is True and found["clean"]["error"]["n"] == 3
    kept = np.load(functions / "o" / "logits" / "clean.npz", allow_pickle=False)
    assert kept["labels"].tolist() == [1, 1, 8]
    with pytest.raises(InputError, match="holds measures of RobustBench's 5,000 images; choose another `out`"):
        evaluate(configure(*data, "--out", functions / "o"))
    assert evaluate(configure(*data, "--out", functions / "all")) is not None
    with pytest.raises(InputError, match="holds measures of all images"):
        evaluate(configure(*data, "--out", functions / "all", "--robustbench"))
    with pytest.raises(InputError, match="measures a subset of its own"):
        configure(*data, "--robustbench", "--test-subset", "2")


def test_saved_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(50, 4)), random.integers(0, 4, 50)
    np.savez(tmp_path / "mine.npz", logits=logits, labels=labels, ood_night=random.normal(size=(9, 4)))
    evaluate(configure("--logits", "mine.npz", "--suite", "clean", "anomalies"))
    metrics = json.loads((tmp_path / "evaluations" / "mine" / "metrics.json").read_text())
    assert metrics["clean"]["error"]["value"] == np.mean(logits.argmax(1) != labels)
    assert metrics["anomalies"]["mean"]["auroc"]["sets"] == ["night"]
    assert metrics["model"] == "mine.npz"
    usual = evaluate(configure("--logits", "mine.npz", "--out", "usual"))
    assert {"clean", "calibration"} <= {*usual} and not {"adversaries", "anomalies"} & {*usual}
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.savez(tmp_path / "shares.npz", logits=shares, labels=labels)
    with pytest.raises(InputError, match="say so: `probabilities`"):
        evaluate(configure("--logits", "shares.npz", "--suite", "clean"))
    evaluate(configure("--logits", "shares.npz", "--suite", "clean", "--logits-are", "probabilities"))
    metrics = json.loads((tmp_path / "evaluations" / "shares" / "metrics.json").read_text())
    assert metrics["clean"]["error"]["value"] == np.mean(logits.argmax(1) != labels)
    with pytest.raises(InputError, match="says what the file of --logits holds"):
        configure("mynets.flat:make", "--logits-are", "probabilities")


def test_images_in_files_are_forwarded_once(functions: Path, colours: Path) -> None:
    """Larger than 64 px they are read from their files each time, but not where their logits are kept."""
    options = ("--dataset", f"folder:{colours}", "--size", "72", "--suite", "clean", "--out", functions / "out")
    first = evaluate(configure("mynets.flat:make", *options))
    kept = functions / "out" / "logits" / "clean.npz"
    before = kept.stat().st_mtime_ns
    assert evaluate(configure("mynets.flat:make", *options)) == first
    assert kept.stat().st_mtime_ns == before


def test_names_of_networks_with_points_are_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's, and functions in packages; no files."""
    from pixmix.train._evaluation import models

    asked = []

    def load(name: str, **options: object) -> object:
        asked.append(name)
        return type("Loaded", (), {"body": nn.Identity(), "mean": (0, 0, 0), "std": (1, 1, 1)})

    monkeypatch.setattr(models, "load_network", load)
    names = ["resnet50", "resnet50.a1_in1k", "timm:hf-hub:me/net.v1", "a.b.c:make"]
    assert [type(load_model(name).network) for name in names] == [pixmix.Normalized] * 4
    assert asked == names


def test_weights_of_another_number_of_classes_say_so_themselves(tmp_path: Path) -> None:
    spec = network_spec("wrn-10-1", classes=7)
    checkpoints.write_weights(spec.build().state_dict(), tmp_path / "seven.safetensors")
    model = load_model(str(tmp_path / "seven.safetensors"), network="wrn-10-1", mean=(0.1, 0.2, 0.3))
    assert model.network(torch.zeros(1, 3, 16, 16)).shape == (1, 7)
    assert model.network.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.network.std.flatten().tolist() == [0.5] * 3
