"""HybridAugment and HybridAugment++: the images of their authors' code for given draws, and their laws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, _hybridaugment as hybrid, make_method
from pixmix.methods._apr import recombine_pairs
from pixmix.methods._base import StepKey, as_float
from pixmix.methods._fourier import blur, recombine, recombine_bytes
from pixmix.methods._pair_draws import Pairs, draw_pairs, make_pairs
from pixmix.methods._rival_settings import APRSettings, HybridAugmentSettings

ORIGINAL = json.loads((Path(__file__).parent / "recombined_images.json").read_text())
A, B = (torch.tensor(ORIGINAL[name], dtype=torch.uint8)[None] for name in "ab")
BATCH = torch.cat([A, B]).permute(0, 3, 1, 2) / 255
KEY = Key(3, 1)
ROWS = torch.tensor([0])


def make(name: str, *, size: Any = (32, 32), **settings: Any) -> Any:
    half = (0.5, 0.5, 0.5)
    given = MethodSettings(**settings)
    return make_method(name, classes=10, size=size, mean=half, std=half, settings=given)


def step_key(step: int = 0) -> StepKey:
    return StepKey(seed=3, epoch=1, step=step)


def circular(one: Any, other: Any) -> np.ndarray:
    """How far bytes lie from each other where 0 follows 255."""
    away = np.abs(np.asarray(one, np.int64) - np.asarray(other, np.int64))
    return np.minimum(away, 256 - away)


def single(
    monkeypatch: pytest.MonkeyPatch, name: str, pairs: Pairs, inner: Any = lambda values: values, *, wrap: bool = True
) -> Tensor:
    """HA-S or HA++-S of one image whose two copies are given, and what APR-S makes of the coarse part."""
    monkeypatch.setattr(hybrid, "make_pairs", lambda batch, draws: pairs)
    monkeypatch.setattr(hybrid, "recombine_pairs", lambda values, draws, *, wrap: inner(values))
    method = make(name, size=(4, 4), hybridaugment=HybridAugmentSettings(wrap=wrap))
    index = next(i for i in range(99) if draw_pairs(KEY, np.array([i]), stream=philox.HYBRID, severity=3.0).both)
    made = method.augment_tensor(A, KEY, np.array([index]))
    return torch.round(made * 255).permute(0, 2, 3, 1)[0]


def test_the_blur_is_the_originals(photographs: Callable[..., np.ndarray]) -> None:
    np.testing.assert_allclose(blur(BATCH[:1], side=3, sigma=0.5), ORIGINAL["blur"][:1], atol=1e-6)
    images = torch.from_numpy(as_float(photographs(3, 24, 17)))
    for side, sigma in ((3, 1.0), (9, 1.5)):
        wide = ndimage.gaussian_filter(
            images.numpy(), sigma, mode="mirror", axes=(2, 3), radius=side // 2, output=np.float64
        )
        np.testing.assert_allclose(blur(images, side=side, sigma=sigma), wide, atol=1e-6)


@pytest.mark.parametrize(("one", "other", "name"), [(A, B, "ha_s_coarse_a"), (B, A, "ha_s_coarse_b")])
def test_ha_s_is_the_originals(monkeypatch: pytest.MonkeyPatch, one: Any, other: Any, name: str) -> None:
    made = single(monkeypatch, "hybridaugment-s", Pairs(A, ROWS, one=one, other=other))
    assert circular(made, ORIGINAL[name]).max() <= 1
    clipped = single(monkeypatch, "hybridaugment-s", Pairs(A, ROWS, one=one, other=other), wrap=False)
    away = np.abs(np.asarray(clipped) - np.asarray(ORIGINAL[name]))
    assert set(np.asarray(clipped)[away > 1]) <= {0, 255}
    assert (away > 1).any() == (name == "ha_s_coarse_b")  # the other stays within the bytes


def test_ha_pp_s_is_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = Pairs(A, ROWS, one=A, other=B)
    idle = single(monkeypatch, "hybridaugmentpp-s", pairs)
    assert circular(idle, ORIGINAL["ha_pp_s_idle"]).max() <= 1
    work = single(monkeypatch, "hybridaugmentpp-s", pairs, lambda values: recombine_bytes(values, B, wrap=True))
    assert circular(work, ORIGINAL["ha_pp_s_at_work"]).max() <= 1


@pytest.mark.parametrize(("name", "original"), [("hybridaugment-p", "ha_p"), ("hybridaugmentpp-p", "ha_pp_p")])
def test_ha_p_is_the_originals(monkeypatch: pytest.MonkeyPatch, name: str, original: str) -> None:
    for module in ("_hybridaugment", "_apr"):
        monkeypatch.setattr(f"pixmix.methods.{module}.draw_partners", lambda *_, **__: np.array([1, 0]))
    method = make(name, size=(4, 4))
    labels = torch.tensor([3, 7])
    rows, targets = method.batch(BATCH, labels, network=torch.nn.Identity(), key=step_key(), classes=10)
    assert torch.equal(rows[:2], BATCH)
    np.testing.assert_allclose(rows[2:], ORIGINAL[original], atol=2e-6)
    assert targets.tolist() == [3, 7, 3, 7]


@pytest.mark.parametrize("plus", [False, True])
def test_s_is_the_formula_for_what_is_drawn(plus: bool, photographs: Callable[..., np.ndarray]) -> None:
    batch, indices = torch.from_numpy(photographs(40, 24, 32)), np.arange(40) * 3
    draws = draw_pairs(KEY, indices, stream=philox.HYBRID, severity=2.0)
    pairs = make_pairs(batch, draws)
    one, other = (images.numpy().astype(np.float64) for images in (pairs.one, pairs.other))
    low, high = (ndimage.gaussian_filter(images, 0.5, mode="mirror", axes=(1, 2), radius=1) for images in (one, other))
    if plus:
        inner = draw_pairs(KEY, indices[draws.both], stream=philox.HYBRID, severity=2.0, number=1)
        values = torch.from_numpy((low + 1e-4).astype(np.uint8))
        low = recombine_pairs(values, inner, wrap=False).numpy().astype(np.float64)
    expected = pairs.first.numpy().astype(np.float64)
    expected[draws.both] = np.clip(np.trunc(low + other - high), 0, 255)
    name = "hybridaugmentpp-s" if plus else "hybridaugment-s"
    method = make(name, hybridaugment=HybridAugmentSettings(severity=2.0))
    made = np.rint(method.augment_array(batch.numpy(), KEY, indices) * 255).transpose(0, 2, 3, 1)
    # Float32 as in the authors' code: bytes that end near a whole number go either way, and a step in what goes into
    # a transform moves the whole image a little.
    away = np.abs(made - expected)
    assert np.mean(away > 1) <= (2e-3 if plus else 0)
    np.testing.assert_array_equal(made[~draws.both], expected[~draws.both])


def test_p_mixes_the_blur_of_one_with_the_rest_of_another() -> None:
    images = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    always = HybridAugmentSettings(probability=1.0)
    method = make("hybridaugment-p", hybridaugment=always)
    partner = hybrid.draw_partners(step_key(), 8, probability=1.0)
    assert partner is not None
    low = blur(images, side=3, sigma=0.5)
    rest = {"network": torch.nn.Identity(), "key": step_key(), "classes": 10}
    labels = torch.arange(8)
    mixed = method.batch(images, labels, **rest)[0][8:]
    torch.testing.assert_close(mixed, low + (images - low)[partner])
    plus = make("hybridaugmentpp-p", hybridaugment=always, apr=APRSettings(probability=1.0))
    inner = hybrid.draw_partners(step_key(), 8, probability=1.0, number=1)
    assert inner is not None and not np.array_equal(inner, partner)
    mixed = plus.batch(images, labels, **rest)[0][8:]
    torch.testing.assert_close(mixed, recombine(low[inner], low) + (images - low)[partner])


def test_the_loss_is_the_sum_of_both() -> None:
    logits, labels = torch.randn(16, 10, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    expected = functional.cross_entropy(logits[:8], labels) + functional.cross_entropy(logits[8:], labels)
    for name in ("hybridaugment-p", "hybridaugmentpp-p"):
        torch.testing.assert_close(make(name).loss(logits, labels.repeat(2)), expected)


def test_a_coin_decides_for_each_batch_and_another_for_its_blurs() -> None:
    outer = [hybrid.draw_partners(step_key(step), 3, probability=0.6) is not None for step in range(800)]
    inner = [hybrid.draw_partners(step_key(step), 3, probability=0.6, number=1) is not None for step in range(800)]
    for coins in (outer, inner):
        assert stats.binomtest(sum(coins), 800, 0.6).pvalue > 1e-3
    assert abs(np.corrcoef(outer, inner)[0, 1]) < 0.1


def test_defaults_are_the_authors_for_small_and_large_images() -> None:
    small, large = (make("hybridaugmentpp-p", size=(side, side)) for side in (32, 224))
    assert (small.low, small.probability, small.inner.probability) == (hybrid.Blur(3, 0.5), 0.6, 0.6)
    assert (large.low, large.probability, large.inner.probability) == (hybrid.Blur(3, 1.0), 0.6, 0.5)
    assert small.inner.normaliser is None and large.inner.normaliser is not None
    assert make("hybridaugment-p").inner is None
    wider = make("hybridaugment-s", size=(224, 224), hybridaugment=HybridAugmentSettings(blur=3))
    assert (wider.low, wider.severity, wider.wrap) == (hybrid.Blur(9, 1.5), 3.0, False)
    with pytest.raises(InputError, match=r"hybridaugment\.blur: 5 reaches over images of 32x7 pixels"):
        make("hybridaugment-p", size=(32, 7), hybridaugment=HybridAugmentSettings(blur=5))
