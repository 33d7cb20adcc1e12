"""`pixmix.evaluate` end to end on small networks: values, forms of data, saved logits, and what it leaves alone."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import Dataset

import pixmix
from mixset._common.errors import DamagedImage, InputError
from pixmix import measures
from pixmix._common.normalized import Normalized
from pixmix._evaluators import outliers
from pixmix._evaluators.suites import EVALUATORS

SUITES = ["clean", "calibration", "adversaries", "anomalies"]

pytestmark = pytest.mark.usefixtures("one_thread")


class Doubled(nn.Module):
    """A body in float64, so that a batch's size does not change its logits by rounding that a sign could show."""

    def __init__(self, body: nn.Sequential) -> None:
        super().__init__()
        self.body = body.double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x.double())


def make_network(*, seed: int = 0, classes: int = 4) -> Normalized:
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(54, classes),
    )
    return pixmix.Normalized(Doubled(body), [0.5] * 3, [0.5] * 3)


def make_data(count: int = 230, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8), rng.integers(0, classes, count)


class Pairs(Dataset):
    def __init__(self, images: np.ndarray, labels: np.ndarray, form: Callable[..., Any] = lambda image: image) -> None:
        self.images, self.labels, self.form = images, labels, form

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.form(self.images[index]), self.labels[index]


def channels_first(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.moveaxis(images, -1, -3).copy())


def test_values_are_the_measures_of_the_logits() -> None:
    network, (images, labels) = make_network(), make_data()
    metrics = pixmix.evaluate(network, SUITES, (images, labels), seed=3)
    network.eval()
    with torch.no_grad():
        logits = network(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).numpy()
        made = {name: make(np.arange(46), (8, 8), seed=3) for name, make in outliers.SYNTHETIC.items()}
        scores = {name: measures.msp(network.body(torch.tensor(x)).numpy()) for name, x in made.items()}
    error = measures.error(logits, labels)
    assert metrics["clean"]["error"] == {
        "value": error,
        "n": 230,
        "interval": list(measures.error_interval(error, 230)),
    }
    for form, last_bin in (("reference", False), ("all_bins", True)):
        expected = measures.rms_calibration_error(logits, labels, last_bin=last_bin)
        entry = metrics["calibration"][f"rms_{form}"]
        assert (entry["value"], entry["n"]) == (pytest.approx(expected), 230)
        assert entry["interval"][0] < expected < entry["interval"][1]
    assert metrics["calibration"]["ece"]["value"] == pytest.approx(measures.ece(measures.answers(logits, labels)))
    known = measures.msp(logits)
    for name, found in scores.items():
        entry = metrics["anomalies"][name]
        assert entry["auroc"]["value"] == pytest.approx(measures.auroc(known, found))
        assert entry["aupr"]["value"] == pytest.approx(measures.aupr(known, found))
        assert (entry["auroc"]["n"], entry["auroc"]["n_ood"]) == (230, 46)
        assert entry["auroc"]["interval"][0] < entry["auroc"]["value"] < entry["auroc"]["interval"][1]
        other = measures.energy(network.body(torch.tensor(made[name])).detach().numpy())
        assert entry["energy"]["auroc"]["value"] == pytest.approx(measures.auroc(measures.energy(logits), other))
    mean = np.mean([metrics["anomalies"][name]["auroc"]["value"] for name in outliers.SYNTHETIC])
    assert metrics["anomalies"]["mean"]["auroc"]["value"] == pytest.approx(mean)


def test_reliability_is_the_data_of_a_diagram() -> None:
    bins = pixmix.evaluate(make_network(), "calibration", make_data(250))["calibration"]["reliability"]
    assert bins["count"] == [100, 150]
    assert bins["confidence"][0] < bins["confidence"][1]
    assert all(0 <= accuracy <= 1 for accuracy in bins["accuracy"])


def test_adversaries_are_worse_than_clean_and_carry_their_protocol() -> None:
    network, (images, _) = make_network(), make_data()
    network.eval()
    with torch.no_grad():
        labels = network(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).argmax(1).numpy()
    metrics = pixmix.evaluate(network, ["clean", "adversaries"], (images, labels))
    assert metrics["clean"]["error"]["value"] == 0
    corrected, reference = (metrics["adversaries"][f"pgd_error_{ball}"] for ball in ("corrected", "reference"))
    assert 0 < corrected["value"] <= reference["value"]
    assert corrected["epsilon"] == pytest.approx(2 / 255)
    assert (corrected["steps"], corrected["ball"], corrected["n"]) == (20, "corrected", 230)


def test_is_ready_for_json() -> None:
    metrics = pixmix.evaluate(make_network(), SUITES, make_data())
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


def test_batch_size_does_not_matter() -> None:
    network, data = make_network(), make_data(60)
    first = pixmix.evaluate(network, SUITES, data, batch_size=60)
    for batch_size in (1, 7, 25):
        assert pixmix.evaluate(network, SUITES, data, batch_size=batch_size) == first


@pytest.fixture(scope="module")
def of_the_array() -> Any:
    return pixmix.evaluate(make_network(), ["clean", "adversaries"], make_data(), batch_size=50)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    "form",
    [
        *(functools.partial(Pairs, form=form) for form in (np.asarray, channels_first, Image.fromarray)),
        lambda images, labels: (list(images), labels),
        lambda images, labels: (channels_first(images), labels),
    ],
    ids=["arrays", "channels first", "images", "a list", "an array, channels first"],
)
def test_a_dataset_gives_what_the_array_gives(workers: int, form: Callable[..., Any], of_the_array: Any) -> None:
    data = form(*make_data())
    made = pixmix.evaluate(make_network(), ["clean", "adversaries"], data, batch_size=50, workers=workers)
    assert made == of_the_array


def test_the_network_and_the_generators_are_left_as_found() -> None:
    network, (images, labels) = make_network(), make_data()
    network.train()
    network.body.body[1].eval()  # a frozen batch norm
    modes = [module.training for module in network.modules()]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    pixmix.evaluate(network, SUITES, Pairs(images, labels))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.is_grad_enabled()


def test_the_network_is_left_as_found_after_an_error() -> None:
    network, (images, labels) = make_network(), make_data()
    network.train()
    with pytest.raises(InputError, match="clean images: labels run to 6, the network has 4 classes"):
        pixmix.evaluate(network, "clean", (images, labels + 3))
    assert all(module.training for module in network.modules())


def test_saved_logits_are_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, data = make_network(), make_data()
    first = pixmix.evaluate(network, SUITES, data, logits_folder=tmp_path)
    names = ["clean", "pgd_reference", "pgd_corrected", *(f"outliers_{name}" for name in outliers.SYNTHETIC)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.npz" for name in names)
    with np.load(tmp_path / "clean.npz", allow_pickle=False) as file:
        assert file["logits"].shape == (230, 4)
        assert np.array_equal(file["labels"], data[1])
    monkeypatch.setattr(pixmix.Normalized, "forward", None)  # no forward pass can happen
    monkeypatch.setattr(Doubled, "forward", None)
    assert pixmix.evaluate(network, SUITES, data, logits_folder=tmp_path) == first


def test_saved_logits_of_something_else_are_not_used(tmp_path: Path) -> None:
    network, (images, labels) = make_network(), make_data()
    pixmix.evaluate(network, SUITES, (images, labels), logits_folder=tmp_path)
    others = [
        (make_network(seed=1), (images, labels), 0),
        (network, (255 - images, labels), 0),
        (network, (images, labels[::-1].copy()), 0),
        (network, (images, labels), 1),
    ]
    for other, data, seed in others:
        expected = pixmix.evaluate(other, SUITES, data, seed=seed)
        assert pixmix.evaluate(other, SUITES, data, seed=seed, logits_folder=tmp_path) == expected


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    network, data = make_network(), make_data()
    first = pixmix.evaluate(network, "clean", data, logits_folder=tmp_path)
    whole = (tmp_path / "clean.npz").read_bytes()
    np.save(tmp_path / "one.npy", data[1])
    other = (tmp_path / "one.npy").read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], other):
        (tmp_path / "clean.npz").write_bytes(damaged)
        assert pixmix.evaluate(network, "clean", data, logits_folder=tmp_path) == first
    assert (tmp_path / "clean.npz").stat().st_size == len(whole)


def test_a_dataset_is_saved_but_read_anew(tmp_path: Path) -> None:
    network, (images, labels) = make_network(), make_data()
    pixmix.evaluate(network, "clean", Pairs(images, labels), logits_folder=tmp_path)
    made = pixmix.evaluate(network, "clean", Pairs(255 - images, labels), logits_folder=tmp_path)
    assert made == pixmix.evaluate(network, "clean", (255 - images, labels))


def test_progress_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    pixmix.evaluate(make_network(), "clean", make_data(), progress=True)
    assert "230/230 clean images" in capsys.readouterr().err
    pixmix.evaluate(make_network(), "clean", make_data())
    assert capsys.readouterr().err == ""


class Diverged(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x), 4), float("nan"))


class Features(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


IMAGES, LABELS = make_data()


@pytest.mark.parametrize(
    ("network", "suite", "data", "line"),
    [
        (make_network(), "speed", (IMAGES, LABELS), "unknown suite 'speed'; the suites are clean, calibration"),
        (make_network().body, "anomalies", (IMAGES, LABELS), r"wrap it: pixmix.Normalized\(network, mean, std\)"),
        (Diverged(), "clean", (IMAGES, LABELS), "not finite"),
        (Features(), "clean", (IMAGES, LABELS), r"must give logits \(230, classes\)"),
        (make_network(), "clean", (IMAGES[:0], LABELS[:0]), "no image"),
        (make_network(), "clean", [], "no image"),
        (make_network(), "clean", (IMAGES, LABELS[:5]), "230 images need as many"),
        (make_network(), "clean", (IMAGES, LABELS / 2), "whole numbers"),
        (make_network(), "clean", (IMAGES * 1.0, LABELS), r"must lie in \[0, 1\], these run from 0 to 2.*; divide"),
        (make_network(), "clean", (IMAGES[..., :2], LABELS), "1 or 3 channels is needed, got shape"),
        (make_network(), "clean", [(IMAGES[0], 0), (IMAGES[0, :4], 0)], "one size is needed"),
        (make_network(), "clean", [IMAGES, LABELS], "two arrays come as a tuple"),
        (make_network(), "clean", IMAGES, r"items must be \(image, label\)"),
        (make_network(), "clean", [(IMAGES[0], 0.5)], "the label a whole number"),
        (make_network(), "adversaries", (IMAGES, LABELS + 1), "the network has 4 classes"),
        (make_network(), "anomalies", (IMAGES[:4], LABELS[:4]), "5 are needed; there are 4"),
    ],
)
def test_bad_input_is_one_clear_line(network: nn.Module, suite: str, data: Any, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        pixmix.evaluate(network, suite, data)
    assert "\n" not in str(caught.value)


class Broken(Pairs):
    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        if index == 120:
            raise DamagedImage("image 120 is cut short")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_one_clear_line_from_any_process(workers: int) -> None:
    with pytest.raises(DamagedImage) as caught:
        pixmix.evaluate(make_network(), "clean", Broken(IMAGES, LABELS), workers=workers, batch_size=50)
    assert str(caught.value) == "image 120 is cut short"


def test_bad_batch_size_is_named() -> None:
    with pytest.raises(InputError, match="batch_size"):
        pixmix.evaluate(make_network(), "clean", make_data(), batch_size=0)


def test_every_suite_is_tested_here() -> None:
    """AutoAttack and ImageNet-W, which need a package, are tested beside it."""
    beside = ("autoattack", "w")
    assert [name for name, row in EVALUATORS.items() if not row.of_set and name not in beside] == SUITES
