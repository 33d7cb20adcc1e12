"""MoireMix: PixMix of rings that a plain form draws, the rings' distribution, and laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool
from scipy import stats

from mixset._common.errors import InputError
from pixmix._augment.draws import draw
from pixmix._augment.settings import PixMixSettings
from pixmix._common.philox import Key
from pixmix._engines import pillow
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._moiremix import MoireMix, Rings, draw_rings
from pixmix.methods._settings import MoireMixSettings

KEY = Key(2**63 + 5, 3)
HALF: dict[str, Any] = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def plain_image(drawn: Rings, n: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 by the formula."""
    y, x = np.mgrid[: size[0], : size[1]]
    waves = np.zeros(size)
    for m in range(drawn.rings[n]):
        away = np.hypot(x - drawn.centres[n, m, 0], y - drawn.centres[n, m, 1])
        waves += np.sin(2 * np.pi * drawn.frequencies[n, m] * away / min(size))
    grey = np.floor(255 * (waves - waves.min()) / (waves.max() - waves.min()) + 0.5)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("published", [False, True])
def test_it_is_pixmix_of_rings(published: bool, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    chosen = PixMixSettings(beta=4, aug_severity=1, all_ops=False)
    images, indices, highest = photographs(60, *size), np.arange(60) * 11 + 2**31, 100 if published else None
    made = MoireMix(settings=chosen, frequencies=highest).augment_array(images, KEY, indices)
    drawn = draw_rings(KEY, indices, size, highest)
    pool = ArrayPool(np.stack([plain_image(drawn, n, size) for n in range(60)]), size, (60,), (1.0,))
    # Ops, weights and mixings do not depend on what is mixed in.
    expected = pillow.mix(images, pool.images, draw(chosen, KEY, indices, pool).of_crops())
    apart = np.abs(made - expected)
    assert np.mean(apart > 1e-5) < 1e-3
    assert np.abs(made - images.transpose(0, 3, 1, 2) / 255).mean() > 0.05


@pytest.mark.parametrize("partner", ["both", "mixing_set"])
def test_tensors_and_engines_agree(partner: Any, photographs: Callable[..., np.ndarray]) -> None:
    images, indices, chosen = photographs(40, 32, 32), np.arange(40) + 7, PixMixSettings(partner=partner)
    method = MoireMix(settings=chosen)
    made = method.augment_array(images, KEY, indices)
    tensor = method.augment_tensor(torch.from_numpy(images), KEY, indices)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(tensor.numpy(), made)
    by_pillow = MoireMix(settings=chosen, engine="pillow").augment_array(images, KEY, indices)
    assert np.mean(np.abs(made - by_pillow) > 1 / 255) < 1e-4


def test_rings_have_the_published_distribution() -> None:
    size, count = (224, 320), 30_000
    drawn = draw_rings(Key(1), np.arange(count), size)
    assert stats.chisquare(np.bincount(drawn.rings, minlength=4)[1:]).pvalue > 1e-3
    there = np.arange(3) < drawn.rings[:, None]
    assert not drawn.frequencies[~there].any() and not drawn.centres[~there].any()
    for m in range(3):
        frequencies = drawn.frequencies[there[:, m], m].astype(int)
        assert stats.chisquare(np.bincount(frequencies, minlength=101)[1:]).pvalue > 1e-3
        x, y = drawn.centres[there[:, m], m].T
        assert stats.kstest(x / 320, "uniform", (0.08, 0.84)).pvalue > 1e-3
        assert stats.kstest(y / 224, "uniform", (0.08, 0.84)).pvalue > 1e-3
    three = drawn.frequencies[drawn.rings == 3]
    assert all((np.diff(np.sort(three, axis=1)) > 0).ravel())


def test_frequencies_of_an_image_are_any_different_ones() -> None:
    drawn = draw_rings(Key(2), np.arange(30_000), (9, 9), 4)
    three = drawn.frequencies[drawn.rings == 3].astype(int) @ [100, 10, 1]
    orders = sorted(
        100 * i + 10 * j + k for i in range(1, 5) for j in range(1, 5) for k in range(1, 5) if len({i, j, k}) == 3
    )
    values, counts = np.unique(three, return_counts=True)
    assert values.tolist() == orders
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize(("size", "given", "highest"), [(32, None, 14), (224, None, 100), (32, 100, 100), (4, None, 3)])
def test_frequencies_are_as_high_as_the_side_allows(size: int, given: int | None, highest: int) -> None:
    drawn = draw_rings(Key(0), np.arange(5000), (size, size), given)
    assert drawn.frequencies.max() == highest
    # Fewer than two pixels a wave would show as another one.
    assert given is not None or size == 4 or highest < size / 2


def test_the_mixing_image_is_drawn_for_each_epoch_and_shared_by_copies() -> None:
    indices = np.arange(200)
    one, two = (draw_rings(KEY.of_copy(copy), indices, (32, 32)) for copy in (0, 1))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
    for other in (Key(KEY.seed, 4), Key(KEY.seed + 1, 3)):
        assert (draw_rings(other, indices, (32, 32)).centres[:, 0] != one.centres[:, 0]).all()
    assert len(np.unique(one.centres[:, 0], axis=0)) == 200


def test_it_takes_pixmixs_settings_and_needs_no_mixing_set() -> None:
    settings = MethodSettings(mix=PixMixSettings(k=2), moiremix=MoireMixSettings(frequencies=50))
    method = make_method("moiremix", classes=10, size=(32, 32), settings=settings, engine="pillow", **HALF)
    assert isinstance(method, MoireMix)
    assert (method.settings.k, method.frequencies, method.engine) == (2, 50, "pillow")


def test_settings_without_a_mixing_image_are_refused() -> None:
    settings = MethodSettings(mix=PixMixSettings(partner="input"))
    with pytest.raises(InputError, match="method moiremix cannot have partner 'input'; that is method mix-input"):
        make_method("moiremix", classes=10, size=(32, 32), settings=settings, **HALF)
