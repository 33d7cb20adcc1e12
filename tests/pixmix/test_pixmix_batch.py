"""PixMixBatch: keyed as the data set is, else by steps that are counted and saved; at home in others' modules."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool
from torch import nn

import pixmix
from mixset._common.errors import InputError
from pixmix import PixMixBatch, PixMixDataset
from pixmix._augment import batch as batch_module
from pixmix._augment.settings import MIXINGS
from pixmix._common.philox import Key
from pixmix.methods._mixing import PARTNERS, PixMixMethod


@pytest.fixture
def images(photographs: Callable[..., np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(photographs(40, 32, 32)).permute(0, 3, 1, 2).contiguous()


def test_images_become_floats_that_are_mixed(images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    mix, before = PixMixBatch(array_pool()), images.clone()
    mixed = mix(images)
    assert mixed.shape == images.shape and mixed.dtype == torch.float32 and mixed.device == images.device
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before) and mixed.min() >= 0 and mixed.max() <= 1
    same = (mixed == images / 255).flatten(1).all(1).float().mean()
    assert 0 < same < 0.4  # a tenth is expected
    last = images.to(memory_format=torch.channels_last)
    torch.testing.assert_close(PixMixBatch(array_pool())(last), mixed, rtol=0, atol=0)


@pytest.mark.parametrize("indices", [np.arange(40) * 7, list(range(40)), torch.arange(40) + 5])
def test_indices_make_it_the_data_sets(
    indices: Any, images: torch.Tensor, photographs: Callable[..., np.ndarray], array_pool: Callable[..., ArrayPool]
) -> None:
    pool = array_pool()
    settings = {"mixings": MIXINGS, "k": 3, "aug_severity": 5.0}
    mixed = PixMixBatch(pool, seed=9, **settings)(images, indices, epoch=2)
    places = np.asarray(indices)
    stored = np.zeros((places.max() + 1, 32, 32, 3), np.uint8)
    stored[places] = images.permute(0, 2, 3, 1)
    dataset = PixMixDataset([(image, 0) for image in stored], pool, seed=9, **settings, engine="torch")
    items = dataset.__getitems__([(2, int(place)) for place in places])
    assert torch.equal(mixed, torch.stack([image for image, _ in items]))
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:15]
    again = PixMixBatch(pool, seed=9, **settings)(images[order], places[order], epoch=2)
    assert torch.equal(again, mixed[order])
    other = PixMixBatch(pool, seed=9, **settings)(images, indices, epoch=3)
    assert (other != mixed).flatten(1).any(1).float().mean() > 0.7


@pytest.mark.parametrize("name", PARTNERS)
def test_methods_mix_tensors_as_arrays(name: str, images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    pool = array_pool()
    method = pickle.loads(pickle.dumps(PixMixMethod(name, pool=pool)))
    batch = images.permute(0, 2, 3, 1).contiguous()
    for _ in range(2):
        mixed = method.augment_tensor(batch, Key(3, 1), np.arange(40))
        expected = method.augment_array(batch.numpy(), Key(3, 1), np.arange(40))
        assert mixed.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_allclose(mixed, expected, atol=1e-4)
        if method.pool is not None:  # other images from now on
            method.pool.images = 255 - method.pool.images


def test_no_two_steps_and_no_two_ranks_are_alike(
    images: torch.Tensor, array_pool: Callable[..., ArrayPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, made = array_pool(), []
    for rank in range(3):
        monkeypatch.setattr(batch_module, "rank_and_world", lambda rank=rank: (rank, 3))
        mix = PixMixBatch(pool)
        made += [mix(images) for _ in range(3)]
    assert all((made[i] != made[j]).flatten(1).any(1).float().mean() > 0.7 for i in range(9) for j in range(i))
    monkeypatch.setattr(batch_module, "rank_and_world", lambda: (2, 3))
    again = PixMixBatch(pool)
    assert all(torch.equal(again(images), made[step]) for step in (6, 7, 8))
    assert not torch.equal(PixMixBatch(pool, seed=1)(images), made[6])


def test_a_saved_step_counter_goes_on(images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    model = nn.Sequential(PixMixBatch(array_pool()), nn.Conv2d(3, 2, 1))
    model[0](images)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    expected = [model[0](images) for _ in range(2)]
    fresh = nn.Sequential(PixMixBatch(array_pool()), nn.Conv2d(3, 2, 1))
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    assert fresh[0].steps == 1
    for going_on in (fresh, copy.deepcopy(fresh), pickle.loads(pickle.dumps(fresh))):
        assert all(torch.equal(going_on[0](images), step) for step in expected)


def test_evaluation_only_makes_floats(images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    mix = PixMixBatch(array_pool()).eval()
    plain = mix(images)
    assert torch.equal(plain, images.float() / 255) and plain.is_contiguous(memory_format=torch.channels_last)
    assert mix.steps == 0
    assert torch.equal(mix.train()(images), PixMixBatch(array_pool())(images))


def test_it_does_without_a_mixing_set(images: torch.Tensor) -> None:
    mix = PixMixBatch(None, partner="input", size=32)
    assert not torch.equal(mix(images), images / 255)
    assert mix(images[:0]).shape == (0, 3, 32, 32)


def test_a_network_around_it_compiles(images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    mix, steps = PixMixBatch(array_pool()), PixMixBatch(array_pool())
    network = torch.compile(nn.Sequential(mix, nn.Flatten()), backend="eager")
    for _ in range(2):
        assert torch.equal(network(images), steps(images).flatten(1))


def test_it_can_be_told_apart(array_pool: Callable[..., ArrayPool], tmp_path: Path) -> None:
    assert "PixMixBatch" in dir(pixmix) and pixmix.PixMixBatch is PixMixBatch
    line = PixMixBatch(None, partner="input", k=2, seed=5).extra_repr()
    assert "k=2" in line and "partner='input'" in line and line.endswith("seed=5")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((torch.zeros(4, 3, 32, 32),), "float32"),
        ((torch.zeros(4, 1, 32, 32, dtype=torch.uint8),), r"\(4, 1, 32, 32\)"),
        ((torch.zeros(3, 32, 32, dtype=torch.uint8),), r"\(3, 32, 32\)"),
        ((torch.zeros(4, 3, 30, 32, dtype=torch.uint8),), "30×32"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [1, 2, 3], 0), "each of 4"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [1, 2, 3, -1], 0), "indices"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [1.0, 2.0, 3.0, 4.0], 0), "whole numbers"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [1, 2, 3, 4]), "both, or neither"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), None, 1), "both, or neither"),
        ((torch.zeros(4, 3, 32, 32, dtype=torch.uint8), [1, 2, 3, 4], -1), "epoch"),
    ],
)
def test_bad_batches_are_one_line(arguments: tuple[Any, ...], line: str, array_pool: Callable[..., ArrayPool]) -> None:
    mix = PixMixBatch(array_pool())
    with pytest.raises(InputError, match=line) as error:
        mix(*arguments)
    assert "\n" not in str(error.value) and mix.steps == 0


@pytest.mark.parametrize(
    "options", [{"mixing_set": None}, {"mixing_set": None, "partner": "input", "k": -1}, {"mixing_set": "/nowhere"}]
)
def test_bad_settings_are_one_line(options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        PixMixBatch(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", [None, [torch.zeros(3, 32, 32, dtype=torch.uint8)], 5])
def test_what_is_no_tensor_is_named(given: Any, array_pool: Callable[..., ArrayPool]) -> None:
    with pytest.raises(InputError, match=f"images: a tensor .* is needed, got a {type(given).__name__}"):
        PixMixBatch(array_pool())(given)


def test_indices_of_several_lengths_are_refused(images: torch.Tensor, array_pool: Callable[..., ArrayPool]) -> None:
    with pytest.raises(InputError, match="indices: a list of whole numbers is needed"):
        PixMixBatch(array_pool())(images[:2], [[1], [1, 2]], 0)
