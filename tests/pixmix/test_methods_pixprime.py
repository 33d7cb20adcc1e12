"""PixPrime: which method makes which image, and laws."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mixset._common.errors import InputError
from pixmix.methods import Key, MethodSettings, make_method
from pixmix.methods._composed import key_of_part
from pixmix.methods._settings import JSDSettings, PixMixSettings, PrimeSettings

Photographs = Callable[..., np.ndarray]
KEY, COUNT = Key(3, 1), 200


@pytest.fixture
def make(array_pool: Callable[..., Any]) -> Callable[..., Any]:
    pool, half = array_pool((16, 16)), (0.5,) * 3

    def made(name: str, **settings: Any) -> Any:
        given = MethodSettings(**settings)
        method = make_method(name, classes=10, size=(16, 16), mean=half, std=half, settings=given, pool=pool)
        return pickle.loads(pickle.dumps(method))

    return made


def test_each_image_is_what_one_of_the_two_makes_of_it(make: Callable[..., Any], photographs: Photographs) -> None:
    images, indices = photographs(COUNT, 16, 16), np.arange(COUNT) + 5
    given = {"mix": PixMixSettings(k=3), "prime": PrimeSettings(sigma=2)}
    made = make("pixprime", **given).augment_array(images, KEY, indices)
    by_pixmix = make("pixmix", **given).augment_array(images, KEY, indices)
    by_prime = make("prime", **given).augment_array(images, key_of_part(KEY, 1), indices)
    first = (made == by_pixmix).all(axis=(1, 2, 3))
    second = (made == by_prime).all(axis=(1, 2, 3))
    assert (first | second).all()
    assert 75 < first.sum() < 125 and 75 < second.sum() < 125


def test_an_image_is_a_function_of_seed_epoch_and_index(make: Callable[..., Any], photographs: Photographs) -> None:
    images, indices, method = photographs(COUNT, 16, 16), np.arange(COUNT) * 3, make("pixprime")
    made, order = method.augment_array(images, KEY, indices), np.random.default_rng(0).permutation(COUNT)[:25]
    np.testing.assert_array_equal(method.augment_array(images[order], KEY, indices[order]), made[order])
    for key in (Key(4, 1), Key(3, 2), KEY.of_copy(1)):
        other = method.augment_array(images, key, indices)
        assert (other != made).any(axis=(1, 2, 3)).mean() > 0.9
    assert method.augment_array(images[:0], KEY, indices[:0]).shape == (0, 3, 16, 16)


def test_tensors_become_what_arrays_become(make: Callable[..., Any], photographs: Photographs) -> None:
    images, indices, method = photographs(60, 16, 16), np.arange(60), make("pixprime")
    made = method.augment_tensor(torch.from_numpy(images), KEY, indices)
    assert made.is_contiguous(memory_format=torch.channels_last) and made.shape == (60, 3, 16, 16)
    apart = 255 * np.abs(made.numpy() - method.augment_array(images, KEY, indices))
    assert apart.max() < 2 and (apart > 0.01).mean() < 0.005


def test_copies_toss_their_coins_apart(make: Callable[..., Any], photographs: Photographs) -> None:
    images, indices, method = photographs(COUNT, 16, 16), np.arange(COUNT), make("pixprime+jsd")
    _, *copies = method.augment_array(images, KEY, indices).reshape(3, COUNT, 3, 16, 16)
    alone = [make("pixmix").augment_array(images, KEY.of_copy(copy), indices) for copy in range(2)]
    mixed = [(copy == other).all(axis=(1, 2, 3)) for copy, other in zip(copies, alone, strict=True)]
    for one in (False, True):
        for other in (False, True):
            assert 25 < ((mixed[0] == one) & (mixed[1] == other)).sum() < 75


def test_three_views_agree_at_a_weight_of_its_own(make: Callable[..., Any]) -> None:
    for name, weight in (("pixprime+jsd", 3), ("cutout+pixprime+jsd", 3), ("pixmix+jsd", 12), ("cutout+jsd", 12)):
        assert make(name).parts[-1].weight == weight
    assert make("pixprime+jsd", jsd=JSDSettings(weight=5)).parts[-1].weight == 5


def test_draws_for_each_batch_are_refused(make: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"PRIME makes some images of a batch, so leave `prime\.draws`"):
        make("pixprime", prime=PrimeSettings(draws="batch"))
