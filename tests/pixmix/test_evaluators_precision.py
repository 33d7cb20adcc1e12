"""Measures in bfloat16: whose answers they are, what the result says, and what they are not mistaken for."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
import torch
from torch import nn

import pixmix
from mixset._common.errors import InputError
from pixmix import measures


def network() -> pixmix.Normalized:
    torch.manual_seed(0)
    return pixmix.Normalized(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)), [0.5] * 3, [0.5] * 3)


def test_answers_are_those_of_autocast(tmp_path: Path) -> None:
    net, (images, labels) = network(), samples.test_images()
    suite = ["clean", "calibration", "adversaries"]
    found = pixmix.evaluate(net, suite, (images, labels), precision="bf16", logits_folder=tmp_path, batch_size=20)
    assert found["precision"] == "bf16" and list(found) == ["precision", *suite]
    with torch.autocast("cpu", torch.bfloat16):
        expected = samples.logits(net, images)
    plain = samples.logits(net, images)
    stored = np.load(tmp_path / "clean.npz")["logits"]
    np.testing.assert_array_equal(stored, expected)
    assert np.abs(expected - plain).max() > 1e-3
    assert found["clean"]["error"]["value"] == measures.error(expected, labels)
    assert net.body[1].weight.dtype is torch.float32
    # In float32 nothing is said, and no logits of the other format are taken for its own.
    again = pixmix.evaluate(net, "clean", (images, labels), logits_folder=tmp_path)
    assert "precision" not in again
    np.testing.assert_allclose(np.load(tmp_path / "clean.npz")["logits"], plain, atol=1e-5)


def test_an_attack_is_of_the_network_as_it_answers() -> None:
    net, (images, labels) = network(), samples.test_images()
    for precision in ("float32", "bf16"):
        found = pixmix.evaluate(net, ["clean", "adversaries"], (images, labels), precision=precision)
        assert found["adversaries"]["pgd_error_corrected"]["value"] >= found["clean"]["error"]["value"]


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match=r"^precision: no format named 'fp8'; known: float32, bf16$"):
        pixmix.evaluate(network(), "clean", samples.test_images(), precision="fp8")
