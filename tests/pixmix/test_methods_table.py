"""The table of methods, `make_method`, and PixMix's three methods over their engines."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._augment.draws import draw
from pixmix._augment.settings import PixMixSettings
from pixmix._common.philox import Key
from pixmix._engines import find_engine
from pixmix.methods import METHODS, MethodSettings, find_parts, make_method
from pixmix.methods._base import Method, StepKey, as_float

STEP = StepKey(seed=0, epoch=0, step=0)
HERE = [name for name, row in METHODS.items() if not row.in_training and row.changes != "views"]
"""The methods that `make_method` makes alone."""


@dataclass
class Pool:
    images: np.ndarray
    size: tuple[int, int] = (32, 32)
    weights: tuple[float, ...] = (1.0,)

    @property
    def counts(self) -> tuple[int]:
        return (len(self.images),)


@pytest.fixture
def pool() -> Pool:
    return Pool(np.random.default_rng(9).integers(0, 256, (5, 36, 36, 3), dtype=np.uint8))


@pytest.fixture
def network() -> nn.Sequential:
    """Small, in training mode, on [0, 1] images."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, 2), torch.nn.BatchNorm2d(8), torch.nn.Flatten(), torch.nn.Linear(8 * 15 * 15, 10)
    ).train()


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)


def make(name: str, **options: Any) -> Method:
    half = (0.5, 0.5, 0.5)
    return make_method(name, **{"classes": 10, "size": (32, 32), "mean": half, "std": half, **options})


@pytest.mark.parametrize("name", [*HERE, "pixmix+cutmix", "sin+cutout+mixup", "pixmix+jsd"])
def test_every_method_turns_images_into_a_loss(
    name: str, pool: Pool, batch: np.ndarray, network: nn.Sequential
) -> None:
    method = pickle.loads(pickle.dumps(make(name, pool=pool, outliers=pool.images[:, :32, :32], engine="pillow")))
    assert method.name == name
    views, before = method.views, batch.copy()
    arrays = method.augment_array(batch, Key(0), np.arange(64))
    assert arrays.shape == (views * 64, 3, 32, 32)
    assert arrays.dtype == np.float32
    assert arrays.min() >= 0 and arrays.max() <= 1
    np.testing.assert_array_equal(batch, before)
    given, labels = torch.from_numpy(arrays), torch.arange(64) % 10
    images, targets = method.batch(given, labels, network=network, key=STEP, classes=10)
    assert images.shape == (method.batch_views * views * 64, 3, 32, 32) and images.dtype == torch.float32
    assert network.training
    np.testing.assert_array_equal(arrays, given.numpy())
    told = 14.0 if name == "rotpred" else 10.0  # it has four logits more
    logits = images.mean(dim=(1, 2, 3))[:, None] * torch.arange(told)
    loss = method.loss(logits, targets)
    assert loss.ndim == 0 and loss.isfinite()
    method.load_state_dict(method.state_dict())
    method.on_step(torch.nn.Identity())
    assert method.on_epoch(1, 2.0) == ({}, "")
    changes = {METHODS[part].changes for part in find_parts(name)}
    unchanged = "images" not in changes or views > 1
    assert np.array_equal(arrays[:64], as_float(batch)) == unchanged
    if method.batch_views > 1:
        assert torch.equal(images[:64], given) and not torch.equal(images[64:128], given)
    elif "batch" in changes and name != "logitnorm" and "cutmix" not in name:  # which leaves half of all batches alone
        assert not torch.equal(images, given)


@pytest.mark.parametrize("name", [name for name in HERE if METHODS[name].changes in ("", "images")])
def test_both_forms_of_an_image_transform_do_the_same(name: str, pool: Pool, batch: np.ndarray) -> None:
    """On tensors as on arrays: law 3's one byte in ten thousand more than a step away."""
    method = make(name, pool=pool, outliers=pool.images[:, :32, :32])
    if not method.on_device:
        pytest.skip(f"{name} works in loader workers alone")
    key, indices = Key(5, 2), np.arange(64) * 3
    arrays = method.augment_array(batch, key, indices)
    tensors = method.augment_tensor(torch.from_numpy(batch), key, indices)
    assert tensors.dtype == torch.float32
    assert tensors.is_contiguous(memory_format=torch.channels_last)
    assert np.mean(np.abs(tensors.numpy() - arrays) > 1.001 / 255) <= 1e-4


def test_the_baseline_changes_nothing(batch: np.ndarray) -> None:
    method = make("baseline")
    assert type(method) is Method
    assert (method.views, method.in_loader, method.on_device) == (1, True, True)
    np.testing.assert_array_equal(method.augment_array(batch, Key(0), np.arange(64)), as_float(batch))
    images, labels = torch.rand(4, 3, 8, 8), torch.arange(4)
    assert method.batch(images, labels, network=torch.nn.Identity(), key=STEP, classes=10) == (images, labels)
    logits = torch.randn(4, 10)
    assert method.loss(logits, labels) == functional.cross_entropy(logits, labels)


@pytest.mark.parametrize(("name", "partner"), [("pixmix", "both"), ("mix-input", "input"), ("mix-aug", "mixing_set")])
@pytest.mark.parametrize("engine", ["pillow", "numba"])
def test_pixmix_methods_are_engines_with_a_partner(
    name: str, partner: str, engine: str, pool: Pool, batch: np.ndarray
) -> None:
    settings = PixMixSettings(k=2, beta=4.0, partner=partner)
    key, indices = Key(5, 3), np.arange(64) * 2
    expected = find_engine(engine)(batch, pool.images, draw(settings, key, indices, pool))
    method = make(name, pool=pool, settings=MethodSettings(mix=PixMixSettings(k=2, beta=4.0)), engine=engine)
    np.testing.assert_array_equal(method.augment_array(batch, key, indices), expected)


def test_mix_input_needs_no_mixing_set_and_mix_aug_uses_it(batch: np.ndarray, pool: Pool) -> None:
    black = Pool(np.zeros((5, 36, 36, 3), np.uint8))

    def made(name: str, given: Pool | None) -> np.ndarray:
        return make(name, pool=given, engine="pillow").augment_array(batch, Key(0), np.arange(64))

    np.testing.assert_array_equal(made("mix-input", None), made("mix-input", pool))
    assert not np.array_equal(made("mix-aug", black), made("mix-aug", pool))


@pytest.mark.parametrize("name", HERE)
def test_a_missing_mixing_set_is_named_where_one_is_needed(name: str) -> None:
    if METHODS[name].needs_pool:
        with pytest.raises(InputError, match=f"{name} needs a mixing set"):
            make(name, engine="pillow")
    elif METHODS[name].needs_outliers:
        with pytest.raises(InputError, match=f"{name} needs outliers"):
            make(name)
    else:
        make(name, engine="pillow")


def test_bad_choices_are_named(pool: Pool) -> None:
    with pytest.raises(InputError, match="method mixmatch: unknown 'mixmatch'; the methods are baseline, cutout"):
        make("mixmatch")
    for name, meant in (("priem", "prime"), ("PRIME", "prime"), ("pixmix+apr_s", "apr-s"), ("regmix", "regmixup")):
        with pytest.raises(InputError, match=f"unknown '.*'; perhaps you meant {meant}.*; the methods are"):
            make(name)
    with pytest.raises(InputError, match="method iterative looks at the network in training; only `pixmix train"):
        make("iterative", pool=pool)
    with pytest.raises(InputError, match="engine"):
        make("pixmix", pool=pool, engine="cuda")
    with pytest.raises(InputError, match="'input'; that is method mix-input"):
        make("pixmix", pool=pool, settings=MethodSettings(mix=PixMixSettings(partner="input")))
    with pytest.raises(InputError, match="keeps no state, but the checkpoint has memory"):
        make("baseline").load_state_dict({"memory": 1})


def test_the_table_needs_neither_torch_nor_numba() -> None:
    code = "import pixmix.methods, sys; sys.exit(bool({'torch', 'numba', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
