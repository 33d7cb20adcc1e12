"""Methods of images one after another: their order, the bytes between them, draws of their own, and who comes last."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mixset._common.errors import InputError
from pixmix._augment.draws import draw
from pixmix._augment.settings import PixMixSettings
from pixmix._common.philox import Key
from pixmix.methods import Method, MethodSettings
from pixmix.methods._base import StepKey, as_float
from pixmix.methods._composed import Chained, key_of_part
from pixmix.methods._settings import AugMixSettings, CutMixSettings, PrimeSettings

SIZE = (16, 16)
MEAN = (0.25, 0.5, 0.75)
STEP = StepKey(seed=3, epoch=1, step=2)


def in_bytes(made: np.ndarray) -> np.ndarray:
    return np.rint(made.transpose(0, 2, 3, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("name", ["prime+pixmix", "pixmix+prime", "cutout+autoaugment", "mix-input+pixmix+cutout"])
def test_methods_of_images_act_in_the_order_written_on_bytes(
    name: str, make: Callable[..., Any], photographs: Callable[..., np.ndarray]
) -> None:
    method, parts = pickle.loads(pickle.dumps(make(name))), [make(part) for part in name.split("+")]
    assert (type(method), method.name, method.views, method.keys) == (Chained, name, 1, ("image",))
    images, key, indices = photographs(12, *SIZE), Key(3, 1), np.arange(12) * 2
    batch = images
    for number, part in enumerate(parts):
        made = part.augment_array(batch, key_of_part(key, number), indices)
        batch = in_bytes(made)
    np.testing.assert_array_equal(method.augment_array(images, key, indices), made)
    np.testing.assert_array_equal(method.augment_array(images[4:9], key, indices[4:9]), made[4:9])


def test_both_forms_of_a_chain_do_the_same(make: Callable[..., Any], photographs: Callable[..., np.ndarray]) -> None:
    method, images, indices = make("prime+mix-input"), photographs(40, *SIZE), np.arange(40)
    made = method.augment_tensor(torch.from_numpy(images), Key(1), indices).numpy()
    apart = np.abs(made - method.augment_array(images, Key(1), indices)) * 255
    assert (apart > 1.5).mean() < 0.005  # the rounding between them may tip, and an op may enlarge it


def test_parts_draw_apart_even_if_they_are_variants_of_one_method(
    make: Callable[..., Any], photographs: Callable[..., np.ndarray]
) -> None:
    """Under one key, Mix Input after itself would choose what it chose before."""
    key, indices = Key(7, 2), np.arange(400)
    assert key_of_part(key, 0) == key
    keys = [key_of_part(other, number) for other in (key, Key(7, 3), Key(8, 2)) for number in (0, 1, 2)]
    assert len(set(keys)) == 9
    settings, pool = PixMixSettings(), make("pixmix").pool
    draws = [draw(settings, one, indices, pool) for one in keys[:3]]
    for one, other in itertools.combinations(draws, 2):
        for field in ("rounds", "image", "start_level"):
            apart = np.corrcoef(getattr(one, field), getattr(other, field))[0, 1]
            assert abs(apart) < 4 / np.sqrt(400), field


def test_a_chain_has_views_and_loss_of_its_last(make: Callable[..., Any]) -> None:
    last = make("cutout+augmix+cutmix", settings=MethodSettings(augmix=AugMixSettings(jsd=0.0)))
    assert (last.views, last.keys) == (1, ("image", "step"))
    assert make("pixmix+oe").views == make("oe").views == 3
    with pytest.raises(InputError, match=r"oe\+pixmix: oe shows the network 3 images for each, which pixmix cannot"):
        make("oe+pixmix")
    with pytest.raises(InputError, match=r"pixmix\+oe\+cutmix: pixmix\+oe shows the network 3 images"):
        make("pixmix+oe+cutmix")


def test_a_method_of_images_that_acts_on_batches_comes_last(
    make: Callable[..., Any], photographs: Callable[..., np.ndarray]
) -> None:
    settings = MethodSettings(prime=PrimeSettings(draws="batch"), cutmix=CutMixSettings(probability=1.0))
    with pytest.raises(InputError, match=r"prime acts on batches, after pixmix; write it last"):
        make("prime+pixmix", settings=settings)
    whole, pixmix, prime, cutmix = (
        make(name, settings=settings) for name in ("pixmix+prime+cutmix", "pixmix", "prime", "cutmix")
    )
    batch, key, indices = photographs(6, *SIZE), Key(3, 1), np.arange(6)
    images, labels = torch.from_numpy(whole.augment_array(batch, key, indices)), torch.arange(6)
    np.testing.assert_array_equal(images, as_float(in_bytes(pixmix.augment_array(batch, key, indices))))
    given = {"network": nn.Identity(), "key": STEP, "classes": 10}
    expected = cutmix.batch(prime.batch(images, labels, **given)[0], labels, **given)
    made = whole.batch(images, labels, **given)
    assert all(torch.equal(one, other) for one, other in zip(made, expected, strict=True))
    assert not torch.equal(expected[0], cutmix.batch(images, labels, **given)[0])


def test_only_what_is_replayed_whole_goes_into_a_graph(make: Callable[..., Any]) -> None:
    assert make("cutout+pixmix").in_graph and make("cutout+pixmix+cutmix").in_graph
    settings = MethodSettings(prime=PrimeSettings(draws="batch"))
    for name in ("prime", "pixmix+prime", "prime+cutmix"):
        assert not make(name, settings=settings).in_graph
        assert make(name).in_graph


def test_as_many_steps_are_made_at_once_as_each_part_allows() -> None:
    class Slow(Method):
        in_loader = False

    assert Chained("one", [Method(), Method()]).ahead() is None
    assert Chained("other", [Method(), Slow()]).ahead() == Chained("third", [Slow(), Method()]).ahead() == 1
