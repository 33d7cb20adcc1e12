"""ODIN in an evaluation, beside the score of images that are moved by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scored_samples as samples
import torch

import pixmix
from mixset._common.errors import InputError
from pixmix import measures, scores
from pixmix._evaluators.outliers import blobs
from pixmix._evaluators.saved import read_logits

pytestmark = pytest.mark.usefixtures("one_thread")

ODIN = scores.ScoreSettings(names=("odin",), settings={"odin": {"temperature": 10, "epsilon": 0.02}})


def evaluate(folder: Path, **options: Any) -> dict[str, Any]:
    """The suite anomalies with one set of real outliers."""
    (folder / "ood").mkdir(exist_ok=True)
    np.save(folder / "ood" / "grey.npy", samples.REAL)
    given = {"scores": ODIN, "network": samples.network(), "sets": {"ood": folder / "ood"}} | options
    return pixmix.evaluate(given.pop("network"), "anomalies", samples.TEST, partial=True, **given)["anomalies"]


def by_hand(images: np.ndarray, temperature: float = 10, epsilon: float = 0.02) -> np.ndarray:
    """The score of (N, H, W, 3) uint8, as the original has it: normalised images and its table of deviations."""
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
    return of_inputs((inputs - 0.5) / 0.25, temperature, epsilon)


def of_inputs(inputs: torch.Tensor, temperature: float, epsilon: float) -> np.ndarray:
    body = samples.network().body
    return scores.odin(body, inputs, std=[0.25] * 3, temperature=temperature, epsilon=epsilon)


def grey() -> np.ndarray:
    return samples.REAL[measures.outlier_indices(50, len(samples.REAL), seed=0)]


@pytest.mark.parametrize("batch_size", [7, 250])
def test_odin_moves_test_images_and_outliers_of_both_kinds(tmp_path: Path, batch_size: int) -> None:
    found = evaluate(tmp_path, batch_size=batch_size)
    known = by_hand(samples.TEST[0])
    synthetic = torch.from_numpy(blobs(np.arange(10), (8, 8), seed=0))
    for name, unknown in {"grey": by_hand(grey()), "blobs": of_inputs(synthetic, 10, 0.02)}.items():
        for measure, function in measures.DETECTION.items():
            assert found[name]["odin"][measure]["value"] == pytest.approx(function(known, unknown), abs=1e-6)
    assert found["mean"]["odin"]["settings"] == {"temperature": 10, "epsilon": 0.02}
    unmoved = measures.auroc(by_hand(samples.TEST[0], 10, 0), by_hand(grey(), 10, 0))
    assert found["grey"]["odin"]["auroc"]["value"] != pytest.approx(unmoved, abs=1e-6)


def test_the_network_gets_no_gradients_and_is_asked_once(tmp_path: Path) -> None:
    net: Any = samples.network()
    options = {"network": net, "logits_folder": tmp_path / "logits"}
    found = evaluate(tmp_path, **options)
    assert all(parameter.grad is None for parameter in net.parameters())
    seen = net.body.seen
    assert evaluate(tmp_path, **options) == found and net.body.seen == seen
    stored = np.load(tmp_path / "logits" / "odin_clean_10_0.02.npz")
    assert stored["logits"].shape == (50, 4) and np.array_equal(stored["labels"], samples.TEST[1])
    other = scores.ScoreSettings(names=("odin",), settings={"odin": {"epsilon": 0.05}})
    assert evaluate(tmp_path, **options, scores=other)["grey"]["odin"] != found["grey"]["odin"]


def test_settings_are_tuned_on_moved_images(tmp_path: Path) -> None:
    given = {"scores": scores.ScoreSettings(names=("odin",)), "held_out": samples.HELD, "tuning": samples.TUNING}
    found = evaluate(tmp_path, **given)["mean"]["odin"]
    expected = {
        (temperature, epsilon): measures.auroc(
            by_hand(samples.HELD[0], temperature, epsilon), by_hand(samples.TUNING[0], temperature, epsilon)
        )
        for epsilon in (0.0014, 0.0028)
        for temperature in (1, 10, 100, 1000)
    }
    tried = [tuple(trial["settings"].values()) for trial in found["trials"]]
    assert tried == list(expected)
    for trial, value in zip(found["trials"], expected.values(), strict=True):
        assert trial["auroc"] == pytest.approx(value, abs=2e-3)  # at 1,000 two images may lie within rounding
    best = max(found["trials"], key=lambda trial: trial["auroc"])
    assert found["settings"] == best["settings"]


def test_a_network_without_a_normaliser_takes_the_step_as_it_is(tmp_path: Path) -> None:
    wrapped = pixmix.Normalized(samples.network(), [0.0] * 3, [1.0] * 3)
    twice, once = (evaluate(tmp_path, **options)["grey"]["odin"] for options in ({"network": wrapped}, {}))
    assert twice["auroc"]["value"] == pytest.approx(once["auroc"]["value"], abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"epsilon": -0.1}, r"odin\.epsilon: a number from 0 to 1 is needed"),
        ({"temperature": 0}, r"odin\.temperature: a number from 1e-06"),
    ],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, settings: dict[str, float | str], line: str) -> None:
    with pytest.raises(InputError, match=line):
        evaluate(tmp_path, scores=scores.ScoreSettings(names=("odin",), settings={"odin": settings}))


def test_saved_logits_have_no_gradients(tmp_path: Path) -> None:
    logits = samples.outputs(samples.network(), samples.TEST[0]).logits
    np.savez(tmp_path / "saved.npz", logits=logits, labels=samples.TEST[1], ood_grey=logits[:9])
    with pytest.raises(InputError, match="score odin: needs the network, whose gradients say where images are moved"):
        read_logits(tmp_path / "saved.npz", "anomalies", scores=ODIN)
    with pytest.raises(InputError, match="needs the network, whose gradients"):
        scores.make_score("odin")(scores.Outputs(logits=logits))
