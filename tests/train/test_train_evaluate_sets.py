"""`pixmix evaluate` on the sets that were collected anew, from the command line to the page."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluate_samples import configure
from PIL import Image
from watermark_fonts import font_package

from mixset._common.errors import InputError
from mixset.generate._networks.spec import network_spec
from pixmix.readers import imagenet_wnids
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


def test_imagenet_w_is_measured_shown_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
    for number, image in enumerate(pixels):
        folder = Path("val", imagenet_wnids()[478 if number < 4 else number])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    words = [weights(tmp_path / "w.pt", 1000), "--network", "wrn-10-1", "--suite", "w"]
    words += ["--dataset", "folder:val", "--out", "found"]
    if importlib.util.find_spec("imagenet_w") is None:
        with pytest.raises(InputError, match="suite w: the watermark's font is not installed; pip install"):
            evaluate(configure(*words))
    font_package(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = evaluate(configure(*words))
    assert found is not None
    kept = {name: np.load(f"found/logits/{name}.npz") for name in ("clean", "w")}
    labels = kept["w"]["labels"]
    assert np.count_nonzero(labels == 478) == 4 and not np.array_equal(kept["w"]["logits"], kept["clean"]["logits"])
    right = {name: each["logits"].argmax(1) == labels for name, each in kept.items()}
    assert found["w"]["gap"]["value"] == pytest.approx(right["w"].mean() - right["clean"].mean())
    assert found["w"]["carton_gap"]["n"] == 4 and found["w"]["set"]["font_size"] == 5
    assert as_grid([tmp_path / "found"]).headings[:3] == ["W error ↓", "W gap ↑", "Carton gap ↓"]
    (line,) = repeat([read_run(tmp_path / "found", "found")]).values["commands"]
    assert line.startswith(f"pixmix evaluate {tmp_path}/w.pt --dataset folder:val") and line.endswith("--suite w")
