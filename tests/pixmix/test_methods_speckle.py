"""Speckle noise: its law, its share of a batch, and what it depends on."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from pixmix.methods import make_method
from pixmix.methods._base import StepKey
from pixmix.methods._settings import MethodSettings, SpeckleSettings

KEY = StepKey(seed=3, epoch=1, step=0)

pytestmark = pytest.mark.usefixtures("one_thread")


def run(images: torch.Tensor, key: StepKey = KEY, **settings: Any) -> torch.Tensor:
    method = make_method(
        "speckle",
        classes=4,
        size=(8, 8),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        settings=MethodSettings(speckle=SpeckleSettings(**settings)),
    )
    labels = torch.arange(len(images)) % 4
    noisy, targets = method.batch(images, labels, network=torch.nn.Identity(), key=key, classes=4)
    assert targets is labels
    return noisy


def relative_noise(noisy: torch.Tensor, images: torch.Tensor) -> np.ndarray:
    return ((noisy - images) / images).flatten(1).double().numpy()


def test_noise_is_normal_and_in_proportion_to_brightness() -> None:
    images = 0.01 + 0.02 * torch.rand(40, 3, 16, 16)  # so dark that nothing is cut off above
    noise = relative_noise(run(images, sigmas=(0.2,), share=1.0), images)
    assert stats.kstest(noise.ravel(), stats.norm(0, 0.2).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.03
    assert not run(torch.zeros(4, 3, 8, 8), share=1.0).any()


def test_each_image_has_one_of_the_strengths_and_all_are_as_likely() -> None:
    images = torch.full((600, 3, 24, 24), 0.05)
    # The median, because the noise of the strongest is cut off at -1.
    strengths = np.median(np.abs(relative_noise(run(images, share=1.0), images)), axis=1) / stats.norm.ppf(0.75)
    known = np.array(SpeckleSettings().sigmas)
    nearest = np.abs(strengths[:, None] - known).argmin(1)
    assert known.tolist() == [0.15, 0.2, 0.35, 0.45, 0.6]
    np.testing.assert_allclose(strengths, known[nearest], rtol=0.15)
    assert stats.chisquare(np.bincount(nearest)).pvalue > 1e-3


@pytest.mark.parametrize(("count", "share", "changed"), [(10, 0.5, 5), (10, 0.0, 0), (10, 1.0, 10), (7, 0.3, 2)])
def test_the_first_part_of_the_batch_gets_noise(count: int, share: float, changed: int) -> None:
    images = torch.rand(count, 3, 8, 8)
    noisy = run(images, share=share)
    assert (noisy != images).flatten(1).any(1).tolist() == [True] * changed + [False] * (count - changed)


def test_results_are_images() -> None:
    noisy = run(torch.rand(64, 3, 8, 8), sigmas=(2.0,), share=1.0)
    assert noisy.min() == 0 and noisy.max() == 1  # cut off at both ends
    assert noisy.dtype == torch.float32


def test_is_a_function_of_seed_epoch_step_and_rank() -> None:
    images = torch.rand(8, 3, 8, 8)
    before, state = images.clone(), torch.get_rng_state()
    first = run(images)
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(run(images.to(memory_format=torch.channels_last)), first)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(run(images), first)
    for other in ({"seed": 4}, {"epoch": 2}, {"step": 1}, {"rank": 1}):
        assert not torch.equal(run(images, dataclasses.replace(KEY, **other)), first)
