"""What does not fit together is one line; what is small but whole is measured."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch
from PIL import Image
from torch import nn

import pixmix
from mixset._common.errors import InputError
from pixmix._evaluators.sets import Reading
from pixmix._evaluators.suites import check_suites
from pixmix.readers import ImageFiles

pytestmark = pytest.mark.usefixtures("one_thread")

DATA = samples.test_images()


def line_of(network: nn.Module, suite: Any, data: Any = None, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        pixmix.evaluate(network, suite, data, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Picky(nn.Module):
    """Takes images of 224 px alone, as vision transformers do."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] != 224:
            raise self.error
        return x.mean((2, 3)) @ torch.ones(3, 1000)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            AssertionError("Wrong image height! Expected 224 but got 32!"),
            "AssertionError: Wrong image height! Expected",
        ),
        (RuntimeError("mat1 and mat2\nshapes"), "RuntimeError: mat1 and mat2)"),
        (ValueError(), "(ValueError)"),
        (KeyError("head"), "(KeyError: 'head')"),
    ],
)
@pytest.mark.parametrize("suite", ["clean", "c", "p"])
def test_a_network_that_takes_no_such_images(tmp_path: Path, error: Exception, reason: str, suite: str) -> None:
    sets = {"c": layouts.cifar_c(tmp_path / "c", count=2), "p": layouts.cifar_p(tmp_path / "p", count=1)}
    line = line_of(Picky(error), suite, DATA, sets=sets)
    what = {"clean": "clean images", "c": "c gaussian_noise 1 (1 of 95 sets)"}.get(suite, "p gaussian_noise: sequen")
    assert line.startswith(f"the network fails on {what}")
    assert reason in line
    assert line.endswith("are they of the size it takes?")


def test_a_batch_that_does_not_fit_into_memory() -> None:
    class Large(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20 GiB.")

    assert "lower the batch size" in line_of(Large(), "clean", DATA)


@pytest.mark.parametrize("suite", ["c", "cbar", "p"])
def test_sets_of_another_size_than_the_test_images(tmp_path: Path, suite: str) -> None:
    make: Callable[..., Path] = layouts.cifar_p if suite == "p" else layouts.cifar_c
    names = {"c": {}, "cbar": {"names": layouts.CBAR_CIFAR}, "p": {}}[suite]
    root = make(tmp_path / "set", count=2, **names)
    line = line_of(samples.network(10, 64), suite, samples.test_images(7, 64), sets={suite: root})
    assert "has images of 32x32 px, the test images have 64x64" in line
    assert str(root) in line


def test_labels_that_the_network_has_no_classes_for(tmp_path: Path) -> None:
    root = layouts.cifar_c(tmp_path / "c", count=8)
    net = samples.network(5)
    line = line_of(net, "c", sets={"c": root}, batch_size=3)
    assert line == "c gaussian_noise 1 (1 of 95 sets): labels run to 8, the network has 5 classes"
    assert net.body.seen == 6  # found in the first batch with such a label


def test_r_needs_imagenets_classes_and_says_so_before_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = samples.imagenet_r(tmp_path / "r")
    monkeypatch.setattr(ImageFiles, "__getitem__", None)
    line = line_of(samples.network(10, 224), "r", sets={"r": root}, partial=True)
    assert line == "suite r: a network of ImageNet's 1,000 classes (or of R's 200) is needed, it has 10"


@pytest.mark.parametrize(
    ("suite", "sets", "line"),
    [
        ("c", {}, "suite c: needs the folder of its set; `pixmix corrupt` makes one"),
        ("r", {}, "suite r: needs the folder of its set"),
        ("c", {"c": "nowhere"}, "nowhere: no such folder"),
        ("c", {"c": "empty"}, "gaussian_noise: missing"),
        ("p", {"p": "empty"}, "gaussian_noise: missing"),
        ("r", {"r": "empty"}, "200 of 200 classes missing"),
        ("p", {"p": "c"}, "c: contrast.npy: unknown name"),
        ("clean", {"d": "c"}, "sets: no suite 'd' has one; known: c, cbar"),
        ("anomalies", {"ood": "empty"}, "textures: missing; svhn: missing"),
        ("anomalies", {"ood": {"mean": "places69.npy"}}, "textures: missing"),
    ],
)
def test_sets_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suite: str, sets: dict[str, Any], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    layouts.cifar_c(tmp_path / "c", count=4)
    with pytest.raises(InputError, match=line) as caught:
        pixmix.evaluate(samples.network(1000), suite, DATA, sets=sets)
    assert "\n" not in str(caught.value)


def test_nothing_is_left_of_an_empty_set_even_in_part(tmp_path: Path) -> None:
    for suite in ("c", "cbar", "p", "r"):
        line = line_of(samples.network(1000), suite, sets={suite: tmp_path}, partial=True)
        assert ("holds none" if suite == "r" else "has no complete") in line


@pytest.mark.parametrize("name", ["gaussian", "blobs", "mean"])
def test_a_set_of_outliers_with_a_taken_name(tmp_path: Path, name: str) -> None:
    samples.outlier_sets(tmp_path)
    (tmp_path / "noise.npy").rename(tmp_path / f"{name}.npy")
    line = line_of(samples.network(), "anomalies", DATA, sets={"ood": tmp_path})
    assert line == f"anomalies: a set called {name} cannot be told from what results have there; rename it"


def test_outliers_need_square_images_only_where_they_are_asked_for(tmp_path: Path) -> None:
    data = (layouts.bytes_of(9, 32, 40, 3), DATA[1][:9])
    net = pixmix.Normalized(nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 10)), [0.5] * 3, [1] * 3)
    assert "square test images" in line_of(net, "anomalies", data, sets={"ood": tmp_path})
    assert pixmix.evaluate(net, "clean", data, sets={"ood": tmp_path})["clean"]["error"]["n"] == 9


@pytest.mark.parametrize("count", [1, 3])
def test_few_images_are_measured(tmp_path: Path, count: int) -> None:
    sets = {"c": layouts.cifar_c(tmp_path / "c", count=count), "p": layouts.cifar_p(tmp_path / "p", count=count)}
    data = (DATA[0][:count], DATA[1][:count])
    found = pixmix.evaluate(samples.network(), ["clean", "calibration", "c", "p"], data, sets=sets)
    for suite in found.values():
        for entry in suite.values():
            if "interval" in entry:
                low, high = entry["interval"]
                assert math.isfinite(low) and math.isfinite(high) and low <= high
                assert entry["n"] == count
    for suite, name in (
        ("c", "rms_reference_by_severity"),
        ("c", "max_reference_by_corruption"),
        ("calibration", "mad_reference"),
    ):
        entry = found[suite][name]
        assert "value" not in entry and "interval" not in entry and "are one bin: two are" in entry["undefined"]
        assert "value" in found[suite][name.replace("reference", "all_bins")]
    # An interval that is resampled from one image is a point; Wilson's is none.
    assert ("interval" in found["c"]["mce"]) == ("interval" in found["p"]["tilt"]) == (count > 1)
    assert "interval" in found["clean"]["error"]
    assert "5 are needed; there are" in line_of(samples.network(), "anomalies", data)


def test_all_that_an_evaluation_needs_is_checked_before_it(tmp_path: Path) -> None:
    sets = {"c": layouts.cifar_c(tmp_path / "c", count=3), "p": layouts.cifar_p(tmp_path / "p", count=3)}
    (tmp_path / "ood").mkdir()
    ood = samples.outlier_sets(tmp_path / "ood")
    opened = check_suites(["clean", "anomalies", "c", "p"], (57, 32, 32), sets={**sets, "ood": ood})
    assert set(opened) == {"c", "p", "ood"}
    found = pixmix.evaluate(samples.network(), ["clean", "c"], DATA, sets={"c": opened["c"]})
    assert found["c"]["mce"]["n"] == 3
    assert check_suites("clean", (1, 32, 32), sets=sets) == {}
    for suite, images, options, line in (
        ("anomalies", (4, 32, 32), {}, "5 are needed; there are 4; give more, or leave out the suite"),
        ("clean", None, {}, "needs labelled test images"),
        ("c", None, {}, "needs the folder of its set"),
        ("c", (9, 32, 32), {"sets": {"c": "NOWHERE"}}, "NOWHERE: no such folder"),
        ("c", (9, 64, 64), {"sets": sets}, "has images of 32x32 px, the test images have 64x64"),
        ("p", None, {"sets": sets, "size": (48, 48)}, "the test images have 48x48"),
        ("c", None, {"sets": sets, "reading": Reading(classes=["a", "b", "c"])}, "run to 4, the network has 3 classes"),
        ("r", None, {"sets": {"r": ood}, "reading": Reading(classes=["a", "b"])}, "1,000 classes"),
        ("anomalies", (9, 32, 40), {"sets": {"ood": ood}}, "square test images are needed"),
        ("speed", None, {}, "unknown suite 'speed'"),
    ):
        with pytest.raises(InputError, match=line) as caught:
            check_suites(suite, images, **options)
        assert "\n" not in str(caught.value)


def test_sequences_of_one_frame_are_refused_before_the_network_runs(tmp_path: Path) -> None:
    root = tmp_path / "p"
    layouts.cifar_p(root, count=40)
    for path in root.rglob("*.npy"):
        np.save(path, np.load(path)[:, :1])
    net = samples.network()
    assert line_of(net, "p", sets={"p": root}) == "suite p: gaussian_noise has 1 frame; two are needed to compare"
    assert net.body.seen == 0


def test_an_array_of_images_with_one_broken_file_is_named(tmp_path: Path) -> None:
    samples.outlier_sets(tmp_path)
    (tmp_path / "dtd" / "banded" / "03.png").write_bytes(b"no image")
    Image.new("RGB", (32, 32)).save(tmp_path / "dtd" / "banded" / "extra.png")
    data = samples.test_images(200)  # a fifth is more than there are, so the broken one counts
    line = line_of(samples.network(), "anomalies", data, sets={"ood": tmp_path})
    assert "03.png: not an image of a known format" in line


def test_problems_are_told_where_something_is_left_out(tmp_path: Path) -> None:
    samples.outlier_sets(tmp_path)
    (tmp_path / "svhn" / "test_32x32.mat").write_bytes(b"no matrix")
    found = pixmix.evaluate(samples.network(), "anomalies", DATA, sets={"ood": tmp_path}, partial=True)["anomalies"]
    mean = found["mean"]["auroc"]
    assert mean["absent"] == ["svhn"]
    assert len(mean["problems"]) == 1 and "test_32x32.mat is damaged" in mean["problems"][0]
    assert np.isfinite(mean["value"])


@pytest.mark.parametrize(
    ("form", "line"),
    [
        (lambda logits: logits.softmax(1), "gives probabilities for clean images .* leave its softmax out"),
        (lambda logits: logits > 0, r"must give logits \(57, classes\) for clean images, floats; got torch.bool"),
        (lambda logits: logits + 0j, "floats; got torch.complex128"),
        (lambda logits: logits.long(), "floats; got torch.int64"),
        (lambda logits: logits.to_sparse(), "the network fails on clean images"),
    ],
)
def test_what_is_no_logits_is_not_measured(form: Callable[[torch.Tensor], torch.Tensor], line: str) -> None:
    class Answers(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = samples.network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return form(self.body(x))

    assert re.search(line, line_of(Answers(), "clean", DATA))


def test_classes_that_no_label_of_arrays_has_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = layouts.cifar_c(tmp_path / "c", count=5)
    pixmix.evaluate(samples.network(), "c", sets={"c": root})
    line = f"{root}: has no image of 5 of the 10 classes (1, 3, 5, 7 and 1 more)"
    assert [one for one in capsys.readouterr().err.splitlines() if "no image of" in one] == [line]
