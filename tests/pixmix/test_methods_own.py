"""Methods of other people: named by their code or registered, made, composed, and what the interface asks of all."""

from __future__ import annotations

import importlib
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pixmix_samples import ArrayPool
from torch import Tensor

from mixset._common.errors import InputError
from pixmix._augment.residents import Resident
from pixmix.methods import (
    METHODS,
    Key,
    Method,
    MethodSettings,
    StepKey,
    as_float,
    find_parts,
    find_row,
    make_method,
    register_method,
    uniforms,
)
from pixmix.methods._mixing import PixMixMethod
from pixmix.methods._rival_settings import APRSettings, HybridAugmentSettings
from pixmix.methods._settings import AugMixSettings, CutMixSettings

SIZE = (16, 16)
MINE = '''
import numpy as np
from pixmix.methods import Method, as_float, register_method, uniforms

class Darker(Method):
    """each image darker by a factor of its own

    And more.
    """
    keys = ("image",)

    def augment_array(self, batch, key, indices):
        return as_float(batch) * uniforms(key, indices, 1).astype(np.float32)[:, :, None, None]

class Grey(Method):
    name = "grey"

def grey(setting):
    assert setting.classes == 10 and setting.size == (16, 16)
    return Grey()

@register_method("halved", summary="half of everything", source="A. Nobody", changes="batch", needs_pool=True)
class Halved(Method):
    def batch(self, images, labels, *, network, key, classes):
        return images / 2, labels

def fails(setting):
    return 1 / 0

def nothing(setting):
    return None

number = 3
'''


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with methods of the user's, and a table that forgets them again."""
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    before = dict(METHODS)
    yield tmp_path
    METHODS.clear()
    METHODS.update(before)
    for name in [name for name in sys.modules if name.startswith("mine")]:
        del sys.modules[name]


def make(name: str, **options: Any) -> Method:
    given = {"outliers": np.zeros((5, *SIZE, 3), np.uint8), "engine": "pillow", **options}
    return make_method(name, classes=10, size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3, **given)


@pytest.mark.parametrize("name", ["mine.py:Darker", "mine:Darker"])
def test_a_class_named_by_its_code(mine: Path, photographs: Callable[..., np.ndarray], name: str) -> None:
    row = find_row(name)
    assert (row.summary, row.source, row.changes) == ("each image darker by a factor of its own", name, "images")
    method, batch, key = make(name), photographs(4, *SIZE), Key(seed=3, epoch=1)
    assert (method.name, method.views, method.keys) == (name, 1, ("image",))
    made = method.augment_array(batch, key, np.array([5, 6, 7, 8]))
    factors = uniforms(key, [5, 6, 7, 8], 1).astype(np.float32)
    np.testing.assert_array_equal(made, as_float(batch) * factors[:, :, None, None])
    assert name not in METHODS


def test_a_function_is_given_what_the_method_is_made_for(mine: Path) -> None:
    assert type(make("mine.py:grey")).__name__ == "Grey"
    assert make("mine.py:grey").name == "mine.py:grey"


def test_what_a_decorator_says_holds_however_the_code_is_named(
    mine: Path, array_pool: Callable[..., ArrayPool]
) -> None:
    row = find_row("mine.py:Halved")
    assert (row.summary, row.source, row.changes) == ("half of everything", "A. Nobody", "batch")
    assert METHODS["halved"] is row
    assert find_parts("mine.py:Halved+mine.py:Darker") == ("mine.py:Darker", "mine.py:Halved")
    for name in ("mine.py:Halved", "halved", "cutout+halved"):
        with pytest.raises(InputError, match="needs a mixing set; give a pool"):
            make(name)
        images = torch.rand(2, 3, *SIZE)
        key = StepKey(seed=0, epoch=0, step=0)
        method = make(name, pool=array_pool(SIZE))
        assert torch.equal(method.batch(images, torch.zeros(2), network=None, key=key, classes=10)[0], images / 2)


def test_compositions_of_ours_and_theirs(mine: Path, photographs: Callable[..., np.ndarray]) -> None:
    both = make("cutmix+mine.py:Darker", settings=MethodSettings(cutmix=CutMixSettings(probability=1.0)))
    assert (both.name, both.keys) == ("cutmix+mine.py:Darker", ("image", "step"))
    batch, key = photographs(4, *SIZE), Key(3)
    expected = make("mine.py:Darker").augment_array(batch, key, np.arange(4))
    np.testing.assert_array_equal(both.augment_array(batch, key, np.arange(4)), expected)
    assert find_parts("mine.py:Darker+cutout") == ("mine.py:Darker", "cutout")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mine.py:absent", r"method mine\.py:absent: cannot be imported .*no attribute 'absent'"),
        ("absent.py:Darker", r"cannot be imported \(No such file"),
        ("mine.py:number", "leads to a int; name a function or a subclass of Method"),
        ("mine.py:fails", r"method mine\.py:fails: fails in .*mine\.py, line 28 \(ZeroDivisionError"),
        ("mine.py:nothing", r"makes a NoneType, not a pixmix\.methods\.Method"),
        (
            "mine.py",
            r"unknown 'mine\.py'; the methods are baseline, .*, module:function or FILE\.py:function, or several",
        ),
    ],
)
def test_what_is_no_method_is_one_line(mine: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        make(name)
    assert "\n" not in str(raised.value)


def test_a_name_is_given_once_and_a_module_can_be_loaded_again(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(mine)
    find_row("mine:Halved")
    importlib.reload(sys.modules["mine"])
    assert METHODS["halved"].maker is sys.modules["mine"].Halved
    with pytest.raises(InputError, match="method halved: there is one of this name; take another"):
        register_method("halved")(Method)
    with pytest.raises(InputError, match="method pixmix: there is one of this name"):
        register_method("pixmix")(Method)
    for name in ("a+b", "a:b", "a/b", "", "a b"):
        with pytest.raises(InputError, match=f"method {re.escape(repr(name))}: cannot be a name"):
            register_method(name)


def test_one_form_of_an_augmentation_is_enough(photographs: Callable[..., np.ndarray]) -> None:
    class Arrays(Method):
        def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
            return as_float(batch) / 2

    class Tensors(Method):
        def augment_tensor(self, batch: torch.Tensor, key: Key, indices: np.ndarray) -> torch.Tensor:
            return super().augment_tensor(batch, key, indices) / 2

    class Both(Arrays, Tensors):
        on_device = True

    batch = photographs(3, *SIZE)
    assert not Arrays().on_device  # on a GPU, too, its images come from arrays
    assert Tensors().on_device and Both().on_device
    expected = Arrays().augment_array(batch, Key(0), np.arange(3))
    made = Tensors().augment_array(batch, Key(0), np.arange(3))
    assert isinstance(made, np.ndarray) and made.flags.c_contiguous
    np.testing.assert_array_equal(made, expected)


VIEWS = {"augmix": 3, "oe": 3}
"""Rows that augmentation makes of an image, where it is not 1."""
BATCH_VIEWS = {**dict.fromkeys(("apr-p", "hybridaugment-p", "hybridaugmentpp-p", "regmixup"), 2), "rotpred": 4}
"""Rows that the batch transform makes of each of these, where it is not 1."""
KEYS = {
    "baseline": (),
    **dict.fromkeys(("cutout", "autoaugment", "augmix", "ipmix", "prime", "oe"), ("image",)),
    **dict.fromkeys(("pixmix", "mix-input", "mix-aug"), ("image",)),
    **dict.fromkeys(("apr-s", "hybridaugment-s", "hybridaugmentpp-s", "trivialaugment", "randaugment"), ("image",)),
    **dict.fromkeys(("layermix", "moiremix"), ("image",)),
    **dict.fromkeys(("mixup", "cutmix", "speckle", "ant", "noise2net", "apr-p", "regmixup"), ("step",)),
    **dict.fromkeys(("hybridaugment-p", "hybridaugmentpp-p"), ("step",)),
    **dict.fromkeys(("adversarial-linf", "adversarial-l2", "sin", "edsr", "logitnorm", "rotpred"), ()),
}
"""What each method draws from."""


@pytest.mark.parametrize("name", KEYS)
def test_a_method_draws_from_the_keys_that_it_names_and_no_other(
    name: str, array_pool: Callable[..., ArrayPool], photographs: Callable[..., np.ndarray]
) -> None:
    random = np.random.default_rng(0).integers(0, 256, (50, *SIZE, 3), np.uint8)
    settings = MethodSettings(
        cutmix=CutMixSettings(probability=1.0),
        apr=APRSettings(probability=1.0),
        hybridaugment=HybridAugmentSettings(probability=1.0),
    )
    method = make(name, pool=array_pool(SIZE), outliers=random, settings=settings)
    assert (method.keys, method.views) == (KEYS[name], VIEWS.get(name, 1))
    assert method.batch_views == BATCH_VIEWS.get(name, 1)
    batch = photographs(12, *SIZE)

    def images(key: Key, some: slice = slice(None)) -> np.ndarray:
        indices = np.arange(12) + 3
        rows = method.augment_array(batch[some], key, indices[some])
        return rows.reshape(method.views, -1, 3, *SIZE)

    whole = images(Key(1, 2))
    np.testing.assert_array_equal(images(Key(1, 2), slice(4, 9)), whole[:, 4:9])
    for other in (Key(2, 2), Key(1, 3)):
        assert np.array_equal(images(other), whole) == ("image" not in KEYS[name])

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 10))
    inputs, labels = torch.from_numpy(whole).flatten(0, 1), torch.arange(12) % 10

    def mixed(**changes: Any) -> torch.Tensor:
        key = StepKey(**{"seed": 1, "epoch": 2, "step": 3, **changes})
        fresh = make(name, pool=array_pool(SIZE), outliers=random, settings=settings)
        return fresh.batch(inputs, labels, network=network, key=key, classes=10)[0]

    first = mixed()
    for change in ({"seed": 2}, {"epoch": 3}, {"step": 4}, {"rank": 1}):
        if name == "ant" and "seed" not in change:
            continue  # its generator learns from step to step
        assert torch.equal(mixed(**change), first) == ("step" not in KEYS[name]), change


def test_rows_of_augmix_follow_its_settings() -> None:
    for weight, views in ((0.0, 1), (12.0, 3)):
        assert make("augmix", settings=MethodSettings(augmix=AugMixSettings(jsd=weight))).views == views


def test_methods_of_the_package_leave_the_network_as_it_is(array_pool: Callable[..., ArrayPool]) -> None:
    network = torch.nn.Identity()
    for name in itertools.chain(KEYS, ["pixmix+cutmix"]):
        if name != "rotpred":
            assert make(name, pool=array_pool(SIZE)).extend(network) is network


def test_ones_own_tensors_are_made_of_a_data_set_on_a_device_too() -> None:
    """PixMix crops and mixes in one kernel, which a method that changes the tensors must not pass by."""

    class Dark(PixMixMethod):
        def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
            return super().augment_tensor(batch, key, indices) / 2

    stored, indices = Resident(np.full((5, 8, 8, 3), 200, np.uint8), "cpu", whole=True), np.arange(4)
    full, dark = (
        kind("mix-input").augment_resident(stored, Key(0), indices, padding=1, flip=True)
        for kind in (PixMixMethod, Dark)
    )
    torch.testing.assert_close(dark, full / 2)
