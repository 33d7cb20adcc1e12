"""`A+B`: what composes and what is refused and why, and that each part does its own and nothing else."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, compose, find_parts
from pixmix.methods._base import Method, StepKey, as_float
from pixmix.methods._batches import CutMix
from pixmix.methods._composed import Chained, Composed
from pixmix.methods._cutout import Cutout
from pixmix.methods._settings import AugMixSettings, CutMixSettings, OESettings

SIZE = (16, 16)
MEAN = (0.25, 0.5, 0.75)
STEP = StepKey(seed=3, epoch=1, step=2)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("pixmix+cutmix", ("pixmix", "cutmix")),
        ("cutmix+pixmix", ("pixmix", "cutmix")),
        ("mixup+cutout", ("cutout", "mixup")),
        ("adversarial-l2+autoaugment", ("autoaugment", "adversarial-l2")),
        ("ant+iterative", ("iterative", "ant")),
        ("noise2net+sin", ("sin", "noise2net")),
        ("oe+edsr", ("edsr", "oe")),
        ("speckle+mix-aug+sin", ("sin", "mix-aug", "speckle")),
        ("prime+pixmix", ("prime", "pixmix")),
        ("pixmix+prime", ("pixmix", "prime")),
        ("cutmix+prime+sin+cutout+pixmix", ("sin", "prime", "cutout", "pixmix", "cutmix")),
    ],
)
def test_methods_compose_in_the_order_of_the_datas_way_and_those_of_images_as_written(
    name: str, parts: tuple[str, ...]
) -> None:
    assert find_parts(name) == parts


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("baseline+cutout", "baseline changes nothing; leave it out"),
        ("cutmix+baseline", "baseline changes nothing; leave it out"),
        ("mixup+cutmix", "mixup and cutmix both change each batch or its loss; compose one"),
        ("speckle+ant", "speckle and ant both change each batch"),
        ("noise2net+adversarial-linf", "noise2net and adversarial-linf both change each batch"),
        ("adversarial-l2+mixup", "adversarial-l2 and mixup both change each batch"),
        ("sin+edsr", "sin and edsr both change the data"),
        ("pixmix+cutmix+pixmix", "names pixmix twice; name each method once"),
    ],
)
def test_two_methods_of_data_or_of_batches_are_refused_and_why(name: str, message: str) -> None:
    with pytest.raises(InputError, match=f"method {re.escape(name)}: {message}"):
        find_parts(name)


def test_names_are_found_or_named() -> None:
    assert find_parts("pixmix") == ("pixmix",)
    assert find_parts("cutmix+sin+pixmix") == ("sin", "pixmix", "cutmix")
    for name in ("pixmixx", "pixmix+", "+cutmix", "pixmix++cutmix", "pixmix + cutmix", "PixMix", ""):
        with pytest.raises(
            InputError,
            match=r"unknown '.*'(; perhaps you meant .*)?; the methods are baseline, .*, "
            r"module:function or FILE.py:.*, or several as A\+B",
        ):
            find_parts(name)
    with pytest.raises(InputError, match="cutmix and mixup both change each batch"):
        find_parts("cutmix+pixmix+mixup")


def test_each_part_does_its_own(make: Callable[..., Any], photographs: Callable[..., np.ndarray]) -> None:
    settings = MethodSettings(cutmix=CutMixSettings(probability=1.0))
    both, cutout, cutmix = (make(name, settings=settings) for name in ("cutmix+cutout", "cutout", "cutmix"))
    assert type(both) is Composed
    both = pickle.loads(pickle.dumps(both))
    assert (both.name, both.views) == ("cutmix+cutout", 1)
    batch_of_images, key, indices = photographs(24, *SIZE), Key(3, 1), np.arange(24) * 2
    made = both.augment_array(batch_of_images, key, indices)
    np.testing.assert_array_equal(made, cutout.augment_array(batch_of_images, key, indices))
    assert not np.array_equal(made, as_float(batch_of_images))
    images, labels, network = torch.from_numpy(made), torch.arange(24) % 10, nn.Identity()
    mixed, targets = both.batch(images, labels, network=network, key=STEP, classes=10)
    expected, soft = cutmix.batch(images, labels, network=network, key=STEP, classes=10)
    assert torch.equal(mixed, expected) and torch.equal(targets, soft)
    assert not torch.equal(mixed, images)
    logits = torch.randn(24, 10, generator=torch.Generator().manual_seed(0))
    assert both.loss(logits, targets) == functional.cross_entropy(logits, soft)


def test_data_of_copies_compose_with_either_or_both(make: Callable[..., Any]) -> None:
    assert type(make("sin")) is Method
    for name, kind in (("sin+cutout", Cutout), ("cutmix+edsr", CutMix), ("edsr+cutout+cutmix", Composed)):
        method = make(name)
        assert type(method) is kind
        assert method.name == name


def test_an_image_with_several_views_is_refused_and_why(make: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"cutmix: augmix shows the network 3 images .*; `augmix.jsd` 0 leaves"):
        make("augmix+cutmix")
    method = make("augmix+cutmix", settings=MethodSettings(augmix=AugMixSettings(jsd=0.0)))
    assert type(method) is Composed
    with pytest.raises(InputError, match=r"mixup\+oe: oe shows the network 4 images for each") as caught:
        make("mixup+oe", settings=MethodSettings(oe=OESettings(outliers=3)))
    assert "jsd" not in str(caught.value)
    assert make("sin+oe").views == 3  # copies in the data are images like others


def test_what_a_part_needs_the_composition_needs(make: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="method pixmix needs a mixing set"):
        make("pixmix+cutmix", pool=None)
    with pytest.raises(InputError, match="method oe needs outliers"):
        make("sin+oe", outliers=None)
    with pytest.raises(InputError, match="method iterative looks at the network in training"):
        make("iterative+cutmix")
    make("mix-input+cutmix", pool=None, outliers=None)


class Watcher(Method):
    """Notes who called which of its hooks, and keeps a number."""

    def __init__(self, name: str, calls: list[Any], *, number: int = 0, keeps: bool = True) -> None:
        self.name, self.calls, self.number, self.keeps = name, calls, number, keeps

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> Any:
        return self.name

    def augment_tensor(self, batch: torch.Tensor, key: Key, indices: np.ndarray) -> torch.Tensor:
        self.calls.append((self.name, "images"))
        return batch

    def before_epoch(self, network: nn.Module, batches: Callable[..., Any], *, key: StepKey) -> None:
        self.calls.append((self.name, "before", network, batches, key))

    def on_step(self, network: nn.Module) -> None:
        self.calls.append((self.name, "step", network))

    def on_epoch(self, epoch: int, seconds: float) -> tuple[dict[str, float], str]:
        return {f"{self.name} seconds": seconds}, f"{self.name} {epoch}" * self.keeps

    def state_dict(self) -> dict[str, int]:
        return {"number": self.number} if self.keeps else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if set(state) - {"number"} or (state and not self.keeps):
            super().load_state_dict(state)
        self.number = state.get("number", 0)


def watched(*, first_keeps: bool = True) -> tuple[Composed, Watcher, Watcher, list[Any]]:
    calls: list[Any] = []
    parts = Watcher("cutout", calls, number=1, keeps=first_keeps), Watcher("cutmix", calls, number=2)
    return Composed("cutmix+cutout", *parts), *parts, calls


def test_what_is_added_to_the_network_is_the_seconds() -> None:
    class Extending(Watcher):
        def extend(self, network: nn.Module) -> nn.Sequential:
            return nn.Sequential(network, nn.Identity())

    network = nn.Identity()
    assert watched()[0].extend(network) is network
    both = Composed("cutout+mine", Watcher("cutout", []), Extending("mine", []))
    assert both.extend(network)[0] is network
    with pytest.raises(InputError, match=r"mine\+cutmix: mine adds modules to the network .* cutmix cannot take"):
        Composed("mine+cutmix", Extending("mine", []), Watcher("cutmix", []))


def test_keys_are_those_of_both(make: Callable[..., Any]) -> None:
    assert make("cutout+cutmix").keys == ("image", "step")
    assert (make("cutout+regmixup").batch_views, make("cutout+cutmix").batch_views) == (2, 1)
    assert make("sin+cutmix").keys == make("cutmix").keys == ("step",)


def test_both_parts_see_the_training() -> None:
    both, first, second, calls = watched()
    network, batches = nn.Identity(), iter
    both.before_epoch(network, batches, key=STEP)
    both.on_step(network)
    parts = (first, second)
    assert calls == [(part.name, "before", network, batches, STEP) for part in parts] + [
        (part.name, "step", network) for part in parts
    ]
    assert both.on_epoch(4, 2.5) == ({"cutout seconds": 2.5, "cutmix seconds": 2.5}, "cutout 4, cutmix 4")
    assert watched(first_keeps=False)[0].on_epoch(4, 2.5)[1] == "cutmix 4"


def test_images_are_the_first_parts_and_the_loss_the_seconds() -> None:
    both, first, second, calls = watched()
    batch = torch.zeros(2, 8, 8, 3, dtype=torch.uint8)
    assert both.augment_tensor(batch, Key(0), np.arange(2)) is batch
    assert calls == [("cutout", "images")]
    assert both.loss(batch, batch) == "cutmix"
    assert (both.in_loader, both.on_device) == (True, True)
    for name in ("in_loader", "on_device"):
        first, second = Watcher("cutout", []), Watcher("cutmix", [])
        setattr(first, name, False)
        assert getattr(Composed("cutmix+cutout", first, second), name) is False
        assert getattr(Composed("cutmix+cutout", second, first), name) is True


def test_states_are_kept_apart_and_come_back() -> None:
    both, first, second, _ = watched()
    state = both.state_dict()
    assert state == {"cutout": {"number": 1}, "cutmix": {"number": 2}}
    first.number = second.number = 9
    both.load_state_dict(state)
    assert (first.number, second.number) == (1, 2)
    half, first, second, _ = watched(first_keeps=False)
    assert half.state_dict() == {"cutmix": {"number": 2}}
    second.number = 9
    half.load_state_dict(half.state_dict() | {"cutmix": {"number": 5}})
    assert second.number == 5


@pytest.mark.parametrize("state", [{"memory": 1}, {"cutmix": {"number": 1}, "ant": {}}, {"cutout": {"noise": 1}}])
def test_another_methods_state_is_refused(state: dict[str, int | dict[str, int]]) -> None:
    both = watched(first_keeps=False)[0]
    with pytest.raises(InputError, match="go on with the method the run was started with"):
        both.load_state_dict(state)


def test_parts_without_a_state_have_none_together(make: Callable[..., Any]) -> None:
    method = make("cutout+cutmix")
    assert method.state_dict() == {}
    method.load_state_dict({})
    with pytest.raises(InputError, match=r"method cutout\+cutmix: the checkpoint has the state of number"):
        method.load_state_dict({"number": 1})


def test_compose_takes_what_training_has_made(make: Callable[..., Any]) -> None:
    """As the programs do with a method that only they can make."""
    special = Watcher("iterative", [])
    special.in_loader = False
    method = compose("cutmix+iterative", [special, make("cutmix")])
    assert isinstance(method, Composed)
    assert (method.name, method.in_loader, method.parts[0]) == ("cutmix+iterative", False, special)
    chain = compose("iterative+cutout", [special, make("cutout")])
    assert isinstance(chain, Chained)
    assert (chain.in_loader, chain.parts[0]) == (False, special)
