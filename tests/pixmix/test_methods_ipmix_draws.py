"""What IPMix draws: the originals' distributions, and what copies of an image share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pixmix_samples import ArrayPool
from scipy import stats

from pixmix._common.philox import Key
from pixmix.methods._ipmix_draws import (
    BASIC_OPS,
    draw,
    patch_sides,
)
from pixmix.methods._settings import IPMixSettings

IMAGENET = IPMixSettings(severity=1.0, beta=4.0, partner="both")
MANY = 20_000


def test_sides_of_patches_are_the_originals() -> None:
    usual = IPMixSettings()
    assert patch_sides(usual, (32, 32)) == (4, 8, 16, 32)
    assert patch_sides(usual, (224, 224)) == (4, 8, 16, 32, 64, 224)
    assert patch_sides(usual, (64, 96)) == (4, 8, 16, 32)
    assert patch_sides(usual, (8, 30)) == (4, 8)
    assert patch_sides(IPMixSettings(patches=(5, 50, 40)), (20, 45)) == (5, 20)


def test_draws_have_the_originals_distributions(array_pool: Callable[..., ArrayPool]) -> None:
    chosen, size = IPMixSettings(all_ops=True, severity=3.0, partner="both"), (32, 32)
    draws = draw(chosen, Key(3), np.arange(MANY), array_pool(size), size)
    there = np.arange(3) < draws.steps[..., None]
    patched, augmented = there & draws.patch[..., None], there & ~draws.patch[..., None]
    assert stats.kstest(draws.share.astype(float), "uniform").pvalue > 1e-3
    assert stats.kstest(draws.weights[:, 1].astype(float), stats.beta(1, 2).cdf).pvalue > 1e-3
    np.testing.assert_allclose(draws.weights.sum(axis=1), 1, atol=1e-6)
    assert stats.chisquare(np.bincount(draws.steps.ravel())).pvalue > 1e-3 and draws.steps.max() == 3
    assert abs(draws.patch.mean() - 0.5) < 4 * 0.5 / np.sqrt(draws.patch.size)
    empty = (draws.steps == 0).all(axis=1).mean()
    assert abs(empty - 1 / 64) < 4 * np.sqrt(1 / 64 / MANY)
    assert (draws.op[augmented] >= 0).all() and not (draws.op[~there] >= 0).any()
    assert stats.chisquare(np.bincount(draws.op[augmented], minlength=15)).pvalue > 1e-3
    assert abs((draws.op[patched] >= 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(patched.sum())
    assert stats.kstest(draws.level[augmented], stats.uniform(0.1, 2.9).cdf).pvalue > 1e-3
    assert abs(draws.sign[augmented].mean()) < 4 / np.sqrt(augmented.sum())
    assert stats.chisquare(np.bincount(draws.mixing[patched], minlength=4)).pvalue > 1e-3
    assert stats.kstest(draws.limit[patched] / 2**32, "uniform").pvalue > 1e-3
    usual = draw(IPMixSettings(), Key(3), np.arange(MANY), array_pool(size), size)
    assert usual.op.max() == BASIC_OPS - 1
    unused = ~((usual.steps > 0) & usual.patch).any(axis=1)
    assert abs(unused.mean() - (5 / 8) ** 3) < 4 * np.sqrt(0.25 / MANY)
    assert (usual.op[patched] == -1).all()


def test_boxes_are_the_originals(array_pool: Callable[..., ArrayPool]) -> None:
    draws = draw(IPMixSettings(), Key(4), np.arange(MANY), array_pool((32, 32)), (32, 32))
    patched = (np.arange(3) < draws.steps[..., None]) & draws.patch[..., None]
    top, left, bottom, right = draws.box[patched].T
    assert min(top.min(), left.min()) == 0 and max(bottom.max(), right.max()) == 32
    height, width = bottom - top, right - left
    assert min(height.min(), width.min()) == 2
    whole = (height == 32) & (width == 32)  # by a square, or by both sides of 2 to 32
    assert abs(whole.mean() - (1 / 8 + 1 / 8 / 31**2)) < 4 * np.sqrt(0.11 / len(whole))
    # 3 pixels: of the sides 4 to 32, not square, one of 3, 7, 15 and 31 widths.
    expected = np.mean([1 / 3, 1 / 7, 1 / 15, 1 / 31]) / 2
    for side in (height, width):
        assert abs((side == 3).mean() - expected) < 4 * np.sqrt(expected / len(side))
    assert stats.chisquare(np.bincount(left[(width == 4) & (height == 4)])[:29] + 1).pvalue > 1e-4
    assert abs(np.corrcoef(top, left)[0, 1]) < 0.5


@pytest.mark.parametrize("beta", [3.0, 4.0])
def test_weights_of_patches_are_pixmixs(beta: float, array_pool: Callable[..., ArrayPool]) -> None:
    draws = draw(IPMixSettings(beta=beta), Key(5), np.arange(MANY), array_pool((32, 32)), (32, 32))
    patched = (np.arange(3) < draws.steps[..., None]) & draws.patch[..., None]
    a, b = draws.a[patched].astype(float), draws.b[patched].astype(float)
    inside = b > 0
    assert abs(inside.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(b))
    assert stats.kstest(a[inside], stats.beta(beta, 1).cdf).pvalue > 1e-3
    assert stats.kstest(b[inside], stats.beta(1, beta).cdf).pvalue > 1e-3
    assert stats.kstest(a[~inside] - 1, stats.beta(1, beta).cdf).pvalue > 1e-3
    assert stats.kstest(-b[~inside], stats.beta(1, beta).cdf).pvalue > 1e-3


def test_a_new_chain_or_step_shifts_nothing(array_pool: Callable[..., ArrayPool]) -> None:
    pool, indices = array_pool((32, 32)), np.arange(200)
    usual = draw(IPMixSettings(), Key(1), indices, pool, (32, 32))
    wide = draw(IPMixSettings(width=7), Key(1), indices, pool, (32, 32))
    for field in ("share", "image", "top", "left"):
        np.testing.assert_array_equal(getattr(wide, field), getattr(usual, field))
    for field in ("patch", "op", "level", "box", "mixing", "a", "limit"):
        np.testing.assert_array_equal(getattr(wide, field)[:, :3], getattr(usual, field))
    deep = draw(IPMixSettings(depth=16), Key(1), indices, pool, (32, 32))
    both = (np.arange(3) < usual.steps[..., None]) & (np.arange(3) < deep.steps[..., None])
    for field in ("op", "level", "box", "mixing", "b", "limit"):
        np.testing.assert_array_equal(getattr(deep, field)[:, :, :3][both], getattr(usual, field)[both])


def test_copies_share_the_mixing_image_and_nothing_else(array_pool: Callable[..., ArrayPool]) -> None:
    pool, key = array_pool((32, 32)), Key(1)
    one, two = (draw(IPMixSettings(), key.of_copy(copy), np.arange(300), pool, (32, 32)) for copy in (0, 1))
    for field in ("image", "top", "left"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    for field in ("share", "weights", "patch", "steps", "op", "level", "box", "mixing", "limit"):
        assert not np.array_equal(getattr(one, field), getattr(two, field))
    assert abs(np.corrcoef(one.share, two.share)[0, 1]) < 4 / np.sqrt(300)
