"""The table of methods, `make_method`, and PixMix's three methods over their engines."""

import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.nn import functional

from mixset.errors import InputError
from pixmix.draws import draw
from pixmix.engines import find_engine
from pixmix.methods import METHODS, make_method
from pixmix.methods.base import Method, StepKey, as_float
from pixmix.philox import Key
from pixmix.settings import PixMixSettings

STEP = StepKey(seed=0, epoch=0, step=0)
HERE = [name for name, row in METHODS.items() if not row.in_training]
"""The methods that `make_method` makes."""


@dataclass
class Pool:
    pictures: np.ndarray
    size: tuple[int, int] = (32, 32)
    weights: tuple[float, ...] = (1.0,)

    @property
    def counts(self):
        return (len(self.pictures),)


@pytest.fixture
def pool():
    return Pool(np.random.default_rng(9).integers(0, 256, (5, 36, 36, 3), dtype=np.uint8))


@pytest.fixture
def batch():
    return np.random.default_rng(1).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)


def make(name, **options):
    return make_method(name, **{"dataset_classes": 10, "size": (32, 32), "mean": (0.5, 0.5, 0.5), **options})


@pytest.mark.parametrize("name", HERE)
def test_every_method_turns_pictures_into_a_loss(name, pool, batch):
    method = pickle.loads(pickle.dumps(make(name, pool=pool, engine="pillow")))
    assert method.name == name
    pictures = method.pictures(batch, Key(0), np.arange(64))
    assert pictures.shape == (64, 3, 32, 32)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0 and pictures.max() <= 1
    labels = torch.arange(64) % 10
    images, targets = method.batch(torch.from_numpy(pictures), labels, key=STEP, classes=10)
    assert images.shape == (64, 3, 32, 32)
    logits = images.mean(dim=(1, 2, 3))[:, None] * torch.arange(10.0)
    assert method.loss(logits, targets).ndim == 0
    method.load_state_dict(method.state_dict())
    method.on_step(torch.nn.Identity())
    assert method.on_epoch(1, 2.0) == ({}, "")
    if name not in ("baseline", "mixup", "cutmix"):
        assert not np.array_equal(pictures, as_float(batch))


def test_the_baseline_changes_nothing(batch):
    method = make("baseline")
    assert type(method) is Method
    np.testing.assert_array_equal(method.pictures(batch, Key(0), np.arange(64)), as_float(batch))
    images, labels = torch.rand(4, 3, 8, 8), torch.arange(4)
    assert method.batch(images, labels, key=STEP, classes=10) == (images, labels)
    logits = torch.randn(4, 10)
    assert method.loss(logits, labels) == functional.cross_entropy(logits, labels)


@pytest.mark.parametrize(("name", "partner"), [("pixmix", "both"), ("mix-input", "input"), ("mix-aug", "mixing_set")])
@pytest.mark.parametrize("engine", ["pillow", "numba"])
def test_pixmix_methods_are_engines_with_a_partner(name, partner, engine, pool, batch):
    settings = PixMixSettings(k=2, beta=4.0, partner=partner)
    key, indices = Key(5, 3), np.arange(64) * 2
    expected = find_engine(engine)(batch, pool.pictures, draw(settings, key, indices, pool))
    method = make(name, pool=pool, settings=PixMixSettings(k=2, beta=4.0), engine=engine)
    np.testing.assert_array_equal(method.pictures(batch, key, indices), expected)


def test_mix_input_needs_no_mixing_set_and_mix_aug_uses_it(batch, pool):
    black = Pool(np.zeros((5, 36, 36, 3), np.uint8))

    def made(name, given):
        return make(name, pool=given, engine="pillow").pictures(batch, Key(0), np.arange(64))

    np.testing.assert_array_equal(made("mix-input", None), made("mix-input", pool))
    assert not np.array_equal(made("mix-aug", black), made("mix-aug", pool))


@pytest.mark.parametrize("name", HERE)
def test_a_missing_mixing_set_is_named_where_one_is_needed(name):
    if METHODS[name].needs_pool:
        with pytest.raises(InputError, match=f"{name} needs a mixing set"):
            make(name, engine="pillow")
    else:
        make(name, engine="pillow")


def test_bad_choices_are_named(pool):
    with pytest.raises(InputError, match="unknown method 'mixmatch'; the methods are baseline, cutout"):
        make("mixmatch")
    with pytest.raises(InputError, match="method iterative looks at the network in training; only `pixmix train"):
        make("iterative", pool=pool)
    with pytest.raises(InputError, match="engine"):
        make("pixmix", pool=pool, engine="cuda")
    with pytest.raises(InputError, match="'input'; that is method mix-input"):
        make("pixmix", pool=pool, settings=PixMixSettings(partner="input"))
    with pytest.raises(InputError, match="keeps no state, but the checkpoint has memory"):
        make("baseline").load_state_dict({"memory": 1})


def test_the_table_needs_neither_torch_nor_numba():
    code = "import pixmix.methods, sys; sys.exit(bool({'torch', 'numba', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
