"""Calibration of the sets beside the test images, before and after the temperature of held-out images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import reader_layouts as layouts
import torch
from PIL import Image

import pixmix
from mixset._common.errors import InputError
from pixmix import measures
from pixmix._evaluators import temperatures
from pixmix.readers import RenditionSet

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT = 47
AFTER: tuple[str, ...] = ("nll", "brier", "ece", "rms_reference", "rms_all_bins")
AFTER += ("adaptive_ece", "classwise_ece", "smooth_ece")


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return layouts.cifar_c(tmp_path_factory.mktemp("sets") / "CIFAR-10-C", count=COUNT)


def held_out(net: torch.nn.Module, count: int = 60, side: int = 32, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Images with answers that are often, but not always, right."""
    images = layouts.bytes_of(count, side, side, 3, seed=9)
    labels = samples.logits(net, images).argmax(1)
    labels[::2] = np.random.default_rng(1).integers(0, min(classes, 10), len(labels[::2]))
    return images, labels


def by_hand(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Every measure of one set of logits, by the functions of the library."""
    answered = measures.answers(logits, labels)
    return {
        "nll": measures.nll(logits, labels),
        "brier": measures.brier(logits, labels),
        **{name: measures.CALIBRATION[name](answered) for name in ("ece", "rms_reference", "rms_all_bins")},
        "adaptive_ece": measures.adaptive_ece(answered),
        "classwise_ece": measures.classwise_ece(logits, labels),
        "smooth_ece": measures.smooth_ece(answered),
        "aurc": measures.aurc(answered),
        "e_aurc": measures.e_aurc(answered),
        "augrc": measures.augrc(answered),
        "coverage_at_5_risk": measures.coverage_at_risk(answered),
    }


def of_c(net: torch.nn.Module, root: Path, divisor: float) -> dict[str, dict[str, float]]:
    """Corruption → measure → value, of the logits of all severities together over a temperature."""
    labels = np.load(root / "labels.npy").astype(int)
    return {
        name: by_hand(samples.logits(net, np.load(root / f"{name}.npy")) / np.float32(divisor), labels)
        for name in layouts.C
    }


def test_c_has_every_measure_before_and_after(c: Path) -> None:
    net = samples.network()
    held = held_out(net)
    found = pixmix.evaluate(net, "c", sets={"c": c}, held_out=held, batch_size=50)["c"]
    fitted = measures.fit_temperature(samples.logits(net, held[0]), held[1])
    assert found["temperature"] == {"value": pytest.approx(fitted, rel=1e-5), "n": 60, "fitted_on": "held_out"}
    before, after = of_c(net, c, 1.0), of_c(net, c, fitted)
    for name in next(iter(before.values())):
        expected = {corruption: of[name] for corruption, of in before.items()}
        entry = found[f"{name}_by_corruption"]
        assert entry["by_corruption"] == pytest.approx(expected, abs=1e-6), name
        assert entry["value"] == pytest.approx(np.mean(list(expected.values())), abs=1e-6), name
        assert (entry["n"], entry["source"]) == (COUNT, "official")
    for name in AFTER:
        expected = {corruption: of[name] for corruption, of in after.items()}
        assert found[f"{name}_by_corruption_ts"]["by_corruption"] == pytest.approx(expected, abs=1e-6), name
    assert {name for name in found if name.endswith("_ts")} == {f"{name}_by_corruption_ts" for name in AFTER}
    for name in ("nll", "brier", "aurc", "e_aurc", "augrc", "coverage_at_5_risk"):
        low, high = found[f"{name}_by_corruption"]["interval"]
        assert low <= found[f"{name}_by_corruption"]["value"] <= high, name
        assert low < high or name == "coverage_at_5_risk"  # of this network 0 for every corruption


def test_intervals_draw_images_with_all_their_corruptions_and_severities(c: Path) -> None:
    net = samples.network()
    entry = pixmix.evaluate(net, "c", sets={"c": c})["c"]["nll_by_corruption"]
    labels = np.load(c / "labels.npy").astype(int)
    own = [measures.proper_scores(samples.logits(net, np.load(c / f"{name}.npy")), labels)[:, 0] for name in layouts.C]
    of_images = np.mean(own, axis=0).reshape(5, COUNT).mean(axis=0)
    expected = 2 * 1.96 * of_images.std() / np.sqrt(COUNT)
    assert entry["interval"][1] - entry["interval"][0] == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("held", [None, "split"])
def test_only_images_that_are_held_out_give_other_sets_a_temperature(c: Path, held: str | None) -> None:
    net, data = samples.network(), samples.test_images()
    found = pixmix.evaluate(net, ["calibration", "c"], data, sets={"c": c}, held_out=held)
    assert not [name for name in found["c"] if name == "temperature" or name.endswith("_ts")]
    assert ("temperature" in found["calibration"]) == (held == "split")


def test_a_temperature_that_is_not_defined_says_why_in_every_suite(c: Path) -> None:
    net, data = samples.network(), samples.test_images()
    images = layouts.bytes_of(30, 32, 32, 3, seed=9)
    sure = images, samples.logits(net, images).argmax(1)
    found = pixmix.evaluate(net, ["calibration", "c"], data, sets={"c": c}, held_out=sure)
    for suite in found.values():
        assert "all answers are right" in suite["temperature"]["undefined"]
        assert not [name for name in suite if name.endswith("_ts")]


def test_the_temperature_is_fitted_once(c: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, data, fits = samples.network(), samples.test_images(), []

    def fit_on(logits: np.ndarray, labels: np.ndarray) -> temperatures.Temperature:
        fits.append(len(labels))
        return temperatures.fit_on(logits, labels)

    monkeypatch.setattr("pixmix._evaluators.evaluation.fit_on", fit_on)
    pixmix.evaluate(net, ["calibration", "c"], data, sets={"c": c}, held_out=held_out(net))
    assert fits == [60]


def test_r_is_scaled_by_the_temperature_of_all_classes(tmp_path: Path) -> None:
    root, net = samples.imagenet_r(tmp_path / "imagenet-r"), samples.network(1000, 64)
    data, held = samples.test_images(10, 64, 1000), held_out(net, 30, 64, 1000)
    found = pixmix.evaluate(net, "r", data, sets={"r": root}, held_out=held, partial=True)["r"]
    fitted = measures.fit_temperature(samples.logits(net, held[0]), held[1])
    assert found["temperature"]["value"] == pytest.approx(fitted, rel=1e-5)
    assert found["temperature"]["n"] == 30
    images, wnids = [], measures.imagenet_r_classes().tolist()
    labels = np.repeat([wnids.index(place) for place in (1, 8, 207)], 3)
    fit = pixmix.readers.Transform(crop=64, resize=73)
    for wnid in samples.R_WNIDS:
        images += [fit(Image.open(root / wnid / f"art_{number}.jpg").convert("RGB")) for number in range(3)]
    chosen = samples.logits(net, np.stack(images))[:, wnids]
    before, after = by_hand_few(chosen, labels), by_hand_few(chosen / np.float32(fitted), labels)
    for name, value in before.items():
        assert found[name]["value"] == pytest.approx(value, abs=1e-6), name
    for name in ("nll", "brier", "ece", "smooth_ece"):
        assert found[f"{name}_ts"]["value"] == pytest.approx(after[name], abs=1e-6), name
    assert found["nll"]["interval"][0] < found["nll"]["value"] < found["nll"]["interval"][1]
    assert "source" in found["nll"] and found["risk_coverage"]["n"] == 9


def by_hand_few(logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Some measures that nine images have."""
    answered = measures.answers(logits, labels)
    return {
        "nll": measures.nll(logits, labels),
        "brier": measures.brier(logits, labels),
        "ece": measures.ece(answered),
        "smooth_ece": measures.smooth_ece(answered),
        "aurc": measures.aurc(answered),
    }


def test_held_out_images_that_are_measured_are_refused(tmp_path: Path, c: Path) -> None:
    net = samples.network(1000, 64)
    root = samples.imagenet_r(tmp_path / "imagenet-r")
    again: Any = RenditionSet(root, fit=pixmix.readers.Transform(crop=64, resize=73), partial=True)
    data = samples.test_images(10, 64, 1000)
    with pytest.raises(InputError, match="held_out: 9 of its 9 images are among the images of the suite r"):
        pixmix.evaluate(net, "r", data, sets={"r": root}, held_out=again.images, partial=True)
    fog = np.load(c / "fog.npy")[:COUNT], np.load(c / "labels.npy")[:COUNT].astype(int)
    with pytest.raises(InputError, match="fitted on the images that are measured"):
        pixmix.evaluate(samples.network(), "c", sets={"c": c}, held_out=fog)
