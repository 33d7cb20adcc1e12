"""The suite calibration beside its measures, and temperatures only of images that are held out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from suite_samples import ARRAYS

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators.saved import read_logits

LOGITS, LABELS = ARRAYS["CAL_Z"], ARRAYS["CAL_Y"]
HELD = {"held_out_logits": 2 * LOGITS[::-2], "held_out_labels": LABELS[::-2]}


def calibration(folder: Path, **arrays: np.ndarray) -> dict[str, Any]:
    np.savez(folder / "logits.npz", logits=LOGITS, labels=LABELS, **arrays)
    return read_logits(folder / "logits.npz", "calibration").measure()["calibration"]


def test_the_suite_has_every_measure(tmp_path: Path) -> None:
    found, answered = calibration(tmp_path), measures.answers(LOGITS, LABELS)
    expected = {
        "nll": measures.nll(LOGITS, LABELS),
        "brier": measures.brier(LOGITS, LABELS),
        "adaptive_ece": measures.adaptive_ece(answered),
        "classwise_ece": measures.classwise_ece(LOGITS, LABELS),
        "smooth_ece": measures.smooth_ece(answered),
        "aurc": measures.aurc(answered),
        "e_aurc": measures.e_aurc(answered),
        "augrc": measures.augrc(answered),
        "coverage_at_5_risk": measures.coverage_at_risk(answered),
    }
    for name, value in expected.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-12), name
        assert found[name]["n"] == 240
    for name in ("nll", "brier", "aurc", "augrc"):
        low, high = found[name]["interval"]
        assert low < found[name]["value"] < high
    assert len(found["risk_coverage"]["risk"]) == 200
    listed = {row.name.removeprefix("calibration.") for row in measures.MEASURES if row.name.startswith("calibration")}
    assert listed == found.keys() - {"risk_coverage", "reliability"} | {"temperature"}


def test_temperature_is_fitted_on_held_out_images(tmp_path: Path) -> None:
    found = calibration(tmp_path, **HELD)
    fitted = measures.fit_temperature(HELD["held_out_logits"], HELD["held_out_labels"])
    assert found["temperature"] == {"value": fitted, "n": 120, "fitted_on": "held_out"}
    assert found["nll_ts"]["value"] == pytest.approx(measures.nll(LOGITS / fitted, LABELS))
    assert found["ece_ts"]["value"] == pytest.approx(measures.ece(measures.answers(LOGITS / fitted, LABELS)))
    assert found["ece_ts"]["value"] != found["ece"]["value"]


def test_without_held_out_images_there_is_no_temperature(tmp_path: Path) -> None:
    assert not [name for name in calibration(tmp_path) if name == "temperature" or name.endswith("_ts")]


def test_a_temperature_that_is_not_defined_says_why(tmp_path: Path) -> None:
    sure = HELD | {"held_out_labels": HELD["held_out_logits"].argmax(axis=1)}
    found = calibration(tmp_path, **sure)
    assert "all answers are right" in str(found["temperature"]["undefined"]) and "nll_ts" not in found


@pytest.mark.parametrize(
    ("held", "line"),
    [
        ({"held_out_logits": LOGITS, "held_out_labels": LABELS}, "fitted on the images that are measured"),
        ({"held_out_logits": LOGITS[:9]}, "holds held_out_logits without held_out_labels"),
        ({"held_out_labels": LABELS[:9]}, "holds held_out_labels alone"),
        ({"held_out_logits": LOGITS[:9, :4], "held_out_labels": np.zeros(9, int)}, r"needed are \(M, 5\)"),
        ({"held_out_logits": LOGITS[:9], "held_out_labels": LABELS[:8]}, "labels"),
    ],
)
def test_held_out_images_that_cannot_be_are_refused(tmp_path: Path, held: dict[str, np.ndarray], line: str) -> None:
    with pytest.raises(InputError, match=line):
        calibration(tmp_path, **held)


def test_evaluate_takes_held_out_images() -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 3))
    images = rng.integers(0, 256, (40, 4, 4, 3), np.uint8)
    with torch.no_grad():
        labels = network(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).argmax(dim=1).numpy()
    labels[::4] = (labels[::4] + 1) % 3
    test, held_out = (images[:25], labels[:25]), (images[25:], labels[25:])
    found = pixmix.evaluate(network, "calibration", test, held_out=held_out)["calibration"]
    with torch.no_grad():
        logits = network(torch.from_numpy(held_out[0]).permute(0, 3, 1, 2) / 255).numpy()
    fitted = measures.fit_temperature(logits, held_out[1])
    assert found["temperature"]["value"] == pytest.approx(fitted, rel=1e-4)
    assert found["temperature"]["n"] == 15
    with pytest.raises(InputError, match="held_out: 25 of its 25 images are among the test images"):
        pixmix.evaluate(network, "calibration", test, held_out=test)


@pytest.mark.parametrize(
    ("held_out", "line"),
    [
        ((np.zeros((0, 4, 4, 3), np.uint8), np.zeros(0, np.int64)), "^held_out: there is no image in the set"),
        ((np.full((2, 4, 4, 3), 7.0), np.array([0, 1])), r"^held_out: float images must lie in \[0, 1\]"),
    ],
    ids=["none", "range"],
)
def test_held_out_images_are_called_so(held_out: tuple[np.ndarray, np.ndarray], line: str) -> None:
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 3))
    test = np.zeros((3, 4, 4, 3), np.uint8), np.array([0, 1, 2])
    with pytest.raises(InputError, match=line):
        pixmix.evaluate(network, "calibration", test, held_out=held_out)
