"""RegMixup and LogitNorm: their losses beside their authors' numbers, and their laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from pixmix.methods import MethodSettings, _batches as batches, make_method
from pixmix.methods._base import StepKey
from pixmix.methods._batches import Mixup
from pixmix.methods._logitnorm import LogitNorm
from pixmix.methods._regmixup import RegMixup
from pixmix.methods._rival_settings import LogitNormSettings, RegMixupSettings

CLEAN = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
MIXED = torch.tensor([[1.5, -0.5, 0.0], [0.3, 0.2, -1.0]])
TARGETS = torch.tensor([0, 1])


def make(name: str, *, classes: int = 10, **settings: Any) -> Any:
    half = (0.5, 0.5, 0.5)
    return make_method(name, classes=classes, size=(8, 8), mean=half, std=half, settings=MethodSettings(**settings))


def step_key(step: int) -> StepKey:
    return StepKey(seed=3, epoch=1, step=step)


def exchanging(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """Make a batch of two exchange its images, at this weight."""
    monkeypatch.setattr(batches, "_beta", lambda uniform, parameter: share)
    monkeypatch.setattr(batches, "_permutation", lambda draws: np.array([1, 0]))


def test_regmixups_loss_is_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanging(monkeypatch, 0.45)
    method = RegMixup(alpha=20.0)
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    rows, targets = method.batch(images, TARGETS, network=torch.nn.Identity(), key=step_key(0), classes=3)
    torch.testing.assert_close(rows, torch.cat([images, 0.45 * images + 0.55 * images.flip(0)]))
    assert method.loss(torch.cat([CLEAN, MIXED]), targets).item() == pytest.approx(0.7049491, abs=1e-6)


@pytest.mark.parametrize("step", range(3))
def test_regmixup_is_the_mean_of_plain_training_and_mixup(step: int) -> None:
    images, labels = torch.rand(16, 3, 4, 4), torch.arange(16) % 5
    rest = {"network": torch.nn.Identity(), "key": step_key(step), "classes": 5}
    rows, targets = RegMixup(alpha=10.0).batch(images, labels, **rest)
    mixed, soft = Mixup(alpha=10.0).batch(images, labels, **rest)
    assert torch.equal(rows, torch.cat([images, mixed]))
    logits = torch.randn(32, 5, generator=torch.Generator().manual_seed(step))
    expected = functional.cross_entropy(logits[:16], labels) / 2 + functional.cross_entropy(logits[16:], soft) / 2
    torch.testing.assert_close(RegMixup(alpha=10.0).loss(logits, targets), expected)


@pytest.mark.parametrize(("classes", "alpha"), [(10, 20.0), (2, 20.0), (100, 10.0), (200, 10.0)])
def test_regmixups_weights_are_near_a_half_as_the_classes_have_it(classes: int, alpha: float) -> None:
    method = make("regmixup", classes=classes)
    images = torch.eye(2).view(2, 2, 1, 1)  # mixed, its diagonal is the weight, or 1 where both kept their places
    shares = []
    for step in range(600):
        rows, _ = method.batch(
            images, torch.tensor([0, 1]), network=torch.nn.Identity(), key=step_key(step), classes=classes
        )
        shares += [rows[2, 0].item()] if rows[2, 0] < 1 else []
    assert 200 < len(shares) < 400
    assert stats.kstest(np.array(shares), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def test_regmixups_alpha_is_the_settings() -> None:
    assert make("regmixup", regmixup=RegMixupSettings(alpha=0.3)).mixup.alpha == 0.3


@pytest.mark.parametrize(("temperature", "loss"), [(1.0, 0.6121478), (0.04, 7.0e-6)])
def test_logitnorms_loss_is_the_originals(temperature: float, loss: float) -> None:
    method = make("logitnorm", logitnorm=LogitNormSettings(temperature=temperature))
    assert method.loss(CLEAN, TARGETS).item() == pytest.approx(loss, abs=1e-6)


def test_logitnorm_does_not_see_how_long_logits_are() -> None:
    method = make("logitnorm")
    assert isinstance(method, LogitNorm) and method.temperature == 0.04
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.arange(8)
    loss = method.loss(logits, labels)
    torch.testing.assert_close(method.loss(logits * 50, labels), loss)
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close((logits * logits.grad).sum(1), torch.zeros(8), atol=1e-4, rtol=0)
    assert method.loss(torch.zeros(8, 10), labels).isfinite()


def test_logitnorm_takes_soft_labels() -> None:
    soft = torch.softmax(torch.randn(8, 10, generator=torch.Generator().manual_seed(1)), dim=1)
    logits = torch.randn(8, 10, generator=torch.Generator().manual_seed(2))
    normalised = functional.normalize(logits, dim=1) / 0.04
    torch.testing.assert_close(
        LogitNorm(temperature=0.04).loss(logits, soft), -(soft * normalised.log_softmax(1)).sum(1).mean()
    )
