"""`pixmix evaluate` on the sets that were collected anew, from the command line to the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_samples import configure

from mixset._common.errors import InputError
from mixset.generate._networks.spec import network_spec
from pixmix.train._evaluation.evaluate import evaluate
from pixmix.train._reports.repeat import repeat
from pixmix.train._reports.runs import read_run
from pixmix.train._reports.table import as_grid


def weights(path: Path, classes: int) -> Path:
    torch.manual_seed(0)
    torch.save(network_spec("wrn-10-1", classes=classes).build().state_dict(), path)
    return path


def again(root: Path, count: int = 40) -> Path:
    """CIFAR-10.1's files, cut short."""
    root.mkdir()
    np.save(root / "cifar10.1_v6_data.npy", np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8))
    np.save(root / "cifar10.1_v6_labels.npy", np.arange(count, dtype=np.int32) % 10)
    return root


def test_cifar10_1_is_measured_shown_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [weights(tmp_path / "w.pt", 10), "--network", "wrn-10-1", "--suite", "cifar10_1"]
    words += ["--cifar10-1", again(tmp_path / "CIFAR-10.1"), "--out", "found"]
    with pytest.raises(InputError, match=r"40 images, CIFAR-10\.1 has 2,000"):
        evaluate(configure(*words))
    found = evaluate(configure(*words, "--partial"))
    assert found is not None
    entry = found["cifar10_1"]["error"]
    assert entry["n"] == 40 and entry["problems"] == ["40 images, CIFAR-10.1 has 2,000"]
    kept = np.load("found/logits/cifar10_1.npz")
    assert entry["value"] == np.mean(kept["logits"].argmax(1) != np.arange(40) % 10)
    grid = as_grid([tmp_path / "found"])
    assert grid.headings[0] == "CIFAR-10.1 error ↓" and grid.rows[0][1][0].text == f"{100 * entry['value']:.1f}"
    (line,) = repeat([read_run(tmp_path / "found", "found")]).values["commands"]
    assert line.endswith("--suite cifar10_1 --cifar10-1 CIFAR-10.1 --partial")


def test_a_set_without_its_suite_and_a_suite_without_its_set_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network = (weights(tmp_path / "w.pt", 10), "--network", "wrn-10-1")
    with pytest.raises(InputError, match="--sketch x: is for the suite sketch; add it to --suite"):
        configure(*network, "--suite", "clean", "--sketch", "x")
    with pytest.raises(InputError, match=r"suite v2: needs the folder of its set, `v2` PATH$"):
        evaluate(configure(*network, "--suite", "v2", "--out", "found"))
    with pytest.raises(InputError, match="so name the test images"):
        evaluate(configure(*network, "--suite", "o", "--o", tmp_path, "--out", "found"))


@pytest.mark.parametrize("suite", ["a", "v2", "dcc3", "cinic10"])
def test_what_another_wrote_of_a_suite_is_checked(tmp_path: Path, suite: str) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({suite: {"x": {"error": {"value": "high"}}}}))
    with pytest.raises(InputError, match=rf"{suite}\.x\.error\.value is not a number"):
        as_grid([tmp_path])
