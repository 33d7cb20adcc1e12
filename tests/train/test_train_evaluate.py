"""`pixmix evaluate RUN`: runs measured further, on other images, on parts, under other names of classes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_samples import configure, pixmix_evaluate
from run_samples import quick

from mixset._common.errors import InputError
from pixmix.train._data.datasets import load_test
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._evaluation.models import load_model
from pixmix.train._runs import checkpoints
from pixmix.train._training.run import train


def test_a_run_is_measured_further(own: Path, sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a command: suites that are added keep those that are there, and nothing goes through the network twice."""
    before = json.loads((own / "metrics.json").read_text())
    done = pixmix_evaluate(own, "--suite", "c", "calibration", "--c", sets / "c", "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert "C mCE" in done.stdout and "Clean error" in done.stdout
    assert "c fog 5 (50 of 75 sets)" in done.stderr
    assert "clean images" not in done.stderr  # kept since the training ended
    metrics = json.loads((own / "metrics.json").read_text())
    assert metrics == {**before, **{name: metrics[name] for name in ("c", "calibration")}}
    assert metrics["c"]["mce"]["n"] == 7
    found = evaluate(configure(own, "--suite", "p", "--p", sets / "p"))
    assert found is not None
    assert found == {**metrics, "p": found["p"]}
    assert (found["p"]["mfr"]["source"], found["p"]["mfr"]["seed"]) == ("generated", 5)
    capsys.readouterr()
    assert evaluate(configure(own, "--suite", "clean", "c", "p", "--c", sets / "c", "--p", sets / "p")) == found
    (line,) = capsys.readouterr().err.splitlines()  # no progress, so no image went through the network
    assert "its config.json names the test images folder:" in line


def test_a_run_is_measured_on_other_images_elsewhere(
    own: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes are those of the run by name, also where a folder has no images of some of them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colours / "test", "others")
    shutil.rmtree("others/blue")
    with pytest.raises(InputError, match="its folder is for measures of its own test images; give `out`"):
        evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others"))
    found = evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others", "--out", "there"))
    assert found is not None
    assert (found["dataset"], found["model"]) == ("folder:others", str(own))
    model = load_model(str(own))
    _, test = load_test("folder:others", size=16)
    with torch.no_grad():
        logits = model.network.eval()(torch.from_numpy(test.array).permute(0, 3, 1, 2) / 255)
    wrong = (logits.argmax(1).numpy() != test.labels + 1).mean()  # blue is 0
    assert found["clean"]["error"]["value"] == pytest.approx(wrong)
    (tmp_path / "others" / "violet").mkdir()
    shutil.copy(next((tmp_path / "others" / "red").iterdir()), tmp_path / "others" / "violet")
    shutil.rmtree("others/red")
    with pytest.raises(InputError, match="folder:others: its class violet is none of the 3 known classes"):
        evaluate(configure(own, "--suite", "clean", "--dataset", "folder:others", "--out", "elsewhere"))


def test_a_run_needs_no_test_images_for_sets_of_their_own(own: Path, sets: Path, tmp_path: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    config["config"]["dataset"] = "folder:/gone"
    (own / "config.json").write_text(json.dumps(config))
    found = evaluate(configure(own, "--suite", "c", "--c", sets / "c"))
    assert found is not None and "mce" in found["c"]


def test_images_that_a_run_names_are_said_and_nothing_is_written_where_it_names(
    own: Path, sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate(configure(own, "--suite", "clean"))
    config = json.loads((own / "config.json").read_text())
    said = f"MODEL {own}: its config.json names the test images {config['config']['dataset']}; --dataset names others"
    assert said in capsys.readouterr().err
    config["config"] |= {"dataset": "cifar10", "data_folder": str(tmp_path / "named")}
    (own / "config.json").write_text(json.dumps(config))
    asked: list[Path] = []

    def download(kind: object, folder: Path, train: bool, title: str) -> None:
        asked.append(folder)
        raise InputError("no network")

    monkeypatch.setattr("pixmix.train._data.datasets._download", download)
    with pytest.raises(InputError, match=r"CIFAR-10 is not in .*named, the folder that the run's config.json names"):
        evaluate(configure(own, "--suite", "clean"))
    assert not asked and not (tmp_path / "named").exists()
    with pytest.raises(InputError, match="no network"):
        evaluate(configure(own, "--suite", "clean", "--data-folder", tmp_path / "given"))
    assert asked == [tmp_path / "given"]


def test_an_unfinished_run_is_not_ended_by_measuring_it(own: Path, colours: Path, tmp_path: Path) -> None:
    """Its metrics.json would say that it has ended."""
    ended = json.loads((own / "metrics.json").read_text())
    for name in ("metrics.json", "weights.safetensors"):
        (own / name).unlink()
    with pytest.raises(InputError, match="has not ended"):
        evaluate(configure(own, "--suite", "clean"))
    assert not (own / "metrics.json").exists()
    elsewhere = evaluate(configure(own, "--suite", "clean", "--out", tmp_path / "there"))
    assert elsewhere is not None
    assert elsewhere["clean"] == ended["clean"]  # one epoch: the checkpoint is that of its end
    assert train(quick(colours, own, resume=True)) == ended


def test_measures_of_two_networks_do_not_mix(own: Path, colours: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "weights.safetensors"
    shutil.copy(own / "weights.safetensors", file)
    options = ("--network", "wrn-10-1", "--dataset", f"folder:{colours}", "--size", "16", "--out", out)
    first = evaluate(configure(file, "--suite", "clean", *options))
    second = evaluate(configure(file, "--suite", "calibration", *options))
    assert first is not None and second == {**first, "calibration": second["calibration"]}
    weights = checkpoints.read_weights(file)
    weights["fc.bias"] += 0.5
    checkpoints.write_weights(weights, file)
    with pytest.raises(InputError, match=r"holds measures of network .*weights\.safetensors, not .* as it is now"):
        evaluate(configure(file, "--suite", "calibration", *options))
    with pytest.raises(InputError, match="is the folder of a run, and MODEL is not this run"):
        evaluate(configure(file, "--suite", "clean", *options[:-1], own))
    with pytest.raises(InputError, match="holds measures of network"):
        evaluate(configure(file, "--suite", "clean", *options, "--mean", 0, 0, 0))


def test_a_run_on_a_subset_is_measured_on_it(colours: Path, tmp_path: Path) -> None:
    """Its further measures are of the same images; others go into a folder of their own."""
    out = tmp_path / "run"
    first = train(quick(colours, out, subset=12, test_subset=6, suite=("clean",)))
    assert first is not None and first["clean"]["error"]["n"] == 6
    assert np.load(out / "logits" / "clean.npz")["labels"].tolist() == [0, 0, 1, 1, 2, 2]
    found = evaluate(configure(out, "--suite", "calibration"))
    assert found is not None and found["calibration"]["rms_all_bins"]["n"] == 6
    with pytest.raises(InputError, match="its folder is for measures of its own test images; give `out`"):
        evaluate(configure(out, "--suite", "clean", "--test-subset", "3"))
    elsewhere = evaluate(configure(out, "--suite", "clean", "--test-subset", "3", "--out", tmp_path / "three"))
    assert elsewhere is not None and (elsewhere["test_subset"], elsewhere["clean"]["error"]["n"]) == (3, 3)


def test_classes_called_otherwise_are_measured_by_a_class_map(
    own: Path, colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by their own names; never by the order of others."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(colours / "test", "others")
    Path("others/green").rename("others/azure")  # between blue and red no more
    words = (own, "--suite", "clean", "--dataset", "folder:others", "--out", "there")
    with pytest.raises(InputError, match="its class azure is none of the 3 known classes, which include green"):
        evaluate(configure(*words))
    Path("map.txt").write_text("azure green\n")
    with pytest.raises(InputError, match="its folder is for measures of its own test images"):
        evaluate(configure(own, "--suite", "clean", "--classes", "map.txt"))
    found = evaluate(configure(*words, "--classes", "map.txt"))
    expected = json.loads((own / "metrics.json").read_text())
    assert found is not None and found["class_map"] == {"azure": "green"}
    assert found["clean"]["error"]["value"] == expected["clean"]["error"]["value"]
    Path("map.txt").write_text("azure -\n")
    with pytest.raises(InputError, match=r"holds measures of class_map .* choose another `out`"):
        evaluate(configure(*words, "--classes", "map.txt"))
    for content, line in (("violet 1", "has no class folder violet"), ("azure 3", "the network's classes are 0 to 2")):
        Path("map.txt").write_text(content)
        with pytest.raises(InputError, match=line):
            evaluate(configure(*words[:-1], "elsewhere", "--classes", "map.txt"))
    with pytest.raises(InputError, match="--logits: needs no --classes"):
        configure("--logits", "mine.npz", "--suite", "clean", "--classes", "map.txt")
