"""PRIME: both forms, laws, and draws for each batch."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, StepKey, _prime_tensors as tensors, make_method
from pixmix.methods._base import as_float
from pixmix.methods._prime import Prime, PrimeOfBatches
from pixmix.methods._settings import PrimeSettings

Photographs = Callable[..., np.ndarray]


@pytest.mark.parametrize("size", [(32, 32), (17, 24), (2, 5), (1, 1)])
def test_both_forms_do_the_same(size: tuple[int, int], photographs: Photographs) -> None:
    """Curves of curves of high frequencies enlarge the last bit, in few images."""
    images, indices, method = photographs(80, *size), np.arange(80) * 11, Prime(PrimeSettings())
    made = method.augment_array(images, Key(5, 3), indices)
    other = method.augment_tensor(torch.from_numpy(images), Key(5, 3), indices)
    assert other.is_contiguous(memory_format=torch.channels_last)
    for form in (made, other.numpy()):
        assert form.dtype == np.float32 and form.shape == (80, 3, *size)
        assert form.min() >= 0 and form.max() <= 1
    apart = 255 * np.abs(made - other.numpy())
    assert apart.max() < 2
    assert (apart > 0.01).mean() < 0.005
    assert (np.abs(made - as_float(images)) > 0.02).mean() > (0.3 if min(size) > 2 else 0.1)


def test_tensors_are_the_same_in_parts(photographs: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    images, method = torch.from_numpy(photographs(20, 16, 16)), Prime(PrimeSettings())
    whole = method.augment_tensor(images, Key(1), np.arange(20))
    monkeypatch.setattr(tensors, "_VALUES", 7 * 9 * 16 * 16)
    torch.testing.assert_close(method.augment_tensor(images, Key(1), np.arange(20)), whole, atol=1e-5, rtol=0)
    assert method.augment_tensor(images[:0], Key(1), np.arange(0)).shape == (0, 3, 16, 16)
    assert method.augment_array(images[:0].numpy(), Key(1), np.arange(0)).shape == (0, 3, 16, 16)


def test_an_image_is_a_function_of_seed_epoch_and_index(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, indices, method = photographs(60, 32, 32), np.arange(60) + 7, Prime(PrimeSettings())
    before = images.copy()
    made = method.augment_array(images, Key(1, 2), indices)
    np.testing.assert_array_equal(images, before)
    order = np.random.default_rng(0).permutation(60)[:25]
    np.testing.assert_array_equal(method.augment_array(images[order], Key(1, 2), indices[order]), made[order])
    for key, other in ((Key(1, 3), indices), (Key(2, 2), indices), (Key(1, 2), indices + 1)):
        assert (method.augment_array(images, key, other) != made).any(axis=(1, 2, 3)).all()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    np.testing.assert_array_equal(method.augment_array(images, Key(1, 2), indices), made)


def test_white_and_black_stay_within_the_range() -> None:
    for value in (0, 255):
        batch = np.full((3000, 3, 3, 3), value, np.uint8)
        made = Prime(PrimeSettings()).augment_array(batch, Key(1), np.arange(3000))
        assert made.min() >= 0 and made.max() <= 1


def made_for(settings: PrimeSettings) -> Any:
    half = (0.5,) * 3
    given = MethodSettings(prime=settings)
    made = make_method("prime", classes=10, size=(16, 16), mean=half, std=half, settings=given)
    return pickle.loads(pickle.dumps(made))


def test_as_published_a_batch_is_a_function_of_its_step(photographs: Photographs) -> None:
    method = made_for(PrimeSettings(draws="batch"))
    assert type(method) is PrimeOfBatches
    assert (method.name, method.keys, method.views) == ("prime", ("step",), 1)
    batch, labels = photographs(24, 16, 16), torch.arange(24)
    images = torch.from_numpy(method.augment_array(batch, Key(0), np.arange(24)))
    np.testing.assert_array_equal(images, as_float(batch))
    before = images.clone()

    def step(given: torch.Tensor = images, **changes: int) -> torch.Tensor:
        key = StepKey(**{"seed": 1, "epoch": 2, "step": 3, **changes})
        made, targets = method.batch(given, labels, network=nn.Identity(), key=key, classes=10)
        assert targets is labels
        return made

    first = step()
    assert torch.equal(images, before) and torch.equal(step(), first)
    assert first.shape == images.shape and first.min() >= 0 and first.max() <= 1
    changed = [{"seed": 2}, {"epoch": 3}, {"step": 4}, {"rank": 1}]
    assert all((step(**change) != first).flatten(1).any(dim=1).float().mean() > 0.95 for change in changed)
    keys = {philox.words(Key(1, 2), np.array([3]), philox.PRIME_BATCH, 2, first=4 * rank).tobytes() for rank in (0, 1)}
    assert len(keys) == 2


def test_the_method_has_its_settings() -> None:
    chosen = PrimeSettings(filter="published", sigma=1)
    method = made_for(chosen)
    assert type(method) is Prime
    assert (method.name, method.keys, method.settings) == ("prime", ("image",), chosen)
