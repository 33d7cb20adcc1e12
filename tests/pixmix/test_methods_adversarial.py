"""Adversarial training: the released networks' settings, plain restatements, and a network that stays as it is."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings as hypothesis_settings, strategies as st
from small_networks import assert_untouched, small_network, snapshot
from torch import nn
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix.methods import make_method
from pixmix.methods._adversarial import Adversarial
from pixmix.methods._base import StepKey
from pixmix.methods._settings import AdversarialSettings, MethodSettings

KEY = StepKey(seed=0, epoch=0, step=0)
NAMES = ["adversarial-linf", "adversarial-l2"]

pytestmark = pytest.mark.usefixtures("one_thread")


def make(name: str, size: tuple[int, int] = (8, 8), **settings: Any) -> Adversarial:
    chosen = MethodSettings(adversarial=AdversarialSettings(**settings))
    method = make_method(name, classes=4, size=size, mean=(0.5,) * 3, std=(0.25,) * 3, settings=chosen)
    assert isinstance(method, Adversarial)
    return method


def run(
    method: Adversarial, network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor, key: StepKey = KEY
) -> torch.Tensor:
    made, targets = method.batch(images, labels, network=network, key=key, classes=4)
    assert targets is labels
    return made


def batch(count: int = 16, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    images[: count // 4] = images[: count // 4].round()
    return images, torch.arange(count) % 4


def test_defaults_are_those_of_the_released_networks() -> None:
    linf, l2 = (make(name, size=(224, 224)).attack for name in NAMES)
    assert (linf.norm, linf.epsilon, linf.steps) == ("linf", 8 / 255, 3)
    assert (l2.norm, l2.epsilon, l2.steps) == ("l2", 3.0, 3)
    for attack in (linf, l2):
        assert attack.step_size == pytest.approx(2 / 3 * attack.epsilon)
        assert attack.random_start is False
    assert make("adversarial-l2", size=(32, 32)).attack.epsilon == pytest.approx(3 / 7)
    assert make("adversarial-l2", size=(32, 64)).attack.epsilon == pytest.approx(3 / 7 * math.sqrt(2))
    assert make("adversarial-linf", size=(32, 32)).attack.epsilon == 8 / 255
    assert [make(name).name for name in NAMES] == NAMES


def test_settings_are_used() -> None:
    attack = make("adversarial-l2", epsilon=0.9, steps=5, step_size=0.1).attack
    assert (attack.epsilon, attack.steps, attack.step_size) == (0.9, 5, 0.1)
    with pytest.raises(InputError, match=r"adversarial\.epsilon: a number from 0 to 1 is needed, got 3"):
        make("adversarial-linf", epsilon=3.0)


@pytest.mark.parametrize("name", NAMES)
def test_is_a_plain_loop_over_images(name: str) -> None:
    network, (images, labels) = small_network(), batch()
    made = run(make(name), network, images, labels)
    network.eval()
    epsilon = 8 / 255 if name == "adversarial-linf" else 3 * 8 / 224
    for image, label, adversary in zip(images, labels, made, strict=True):
        x = image
        for _ in range(3):
            x = x.detach().requires_grad_()
            loss = functional.cross_entropy(network(x[None]), label[None])
            (gradient,) = torch.autograd.grad(loss, x)
            if name == "adversarial-linf":
                x = x.detach() + 2 / 3 * epsilon * gradient.sign()
                x = torch.max(torch.min(x, image + epsilon), image - epsilon)
            else:
                x = x.detach() + 2 / 3 * epsilon * gradient / gradient.norm()
                x = image + (x - image) * min(1.0, epsilon / (x - image).norm())
            x = x.clamp(0, 1)
        torch.testing.assert_close(adversary, x, atol=1e-5, rtol=0)


@given(name=st.sampled_from(NAMES), epsilon=st.floats(1e-4, 1), steps=st.integers(1, 4), step=st.floats(1e-3, 1))
@hypothesis_settings(deadline=None)
def test_the_balls_are_never_left(name: str, epsilon: float, steps: int, step: float) -> None:
    images, labels = batch(seed=steps)
    made = run(make(name, epsilon=epsilon, steps=steps, step_size=step), small_network(seed=steps), images, labels)
    assert made.min() >= 0 and made.max() <= 1
    change = (made - images).double().flatten(1)
    length = change.abs().amax(1) if name == "adversarial-linf" else change.norm(dim=1)
    rounding = 6e-8 if name == "adversarial-linf" else math.sqrt(192) * 3e-8
    assert length.max() <= epsilon * (1 + 1e-6) + rounding


@pytest.mark.parametrize("name", NAMES)
def test_error_and_loss_rise(name: str) -> None:
    network, (images, _) = small_network(), batch(64)
    network.eval()
    labels = network(images).argmax(1)  # clean error 0
    network.train()
    losses = [functional.cross_entropy(network.eval()(images), labels)]
    for epsilon in (0.05, 0.2, 1.0):
        made = run(make(name, epsilon=epsilon), network.train(), images, labels)
        losses.append(functional.cross_entropy(network.eval()(made), labels))
    assert losses == sorted(losses)
    assert (network(made).argmax(1) != labels).float().mean() > 0.4


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_left_as_it_is(name: str) -> None:
    network, (images, labels) = small_network(), batch()
    network[3].eval()  # a part that is kept out of training stays so
    before, state, clean = snapshot(network), torch.get_rng_state(), images.clone()
    modes = []
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    with torch.no_grad():
        made = run(make(name), network, images, labels)
    assert modes == [False] * 3
    assert_untouched(network, before)
    assert torch.equal(images, clean)
    assert torch.equal(torch.get_rng_state(), state)
    assert not made.requires_grad
    assert (made != images).flatten(1).any(1).all()  # all images are replaced


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_random_and_no_image_depends_on_the_batch(name: str) -> None:
    network, (images, labels) = small_network(), batch()
    made = run(make(name), network, images, labels)
    assert torch.equal(run(make(name), network, images, labels, StepKey(seed=9, epoch=9, step=9, rank=9)), made)
    torch.testing.assert_close(run(make(name), network, images[5:8], labels[5:8]), made[5:8], atol=1e-5, rtol=0)
    last = run(make(name), network, images.to(memory_format=torch.channels_last), labels)
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, made, atol=1e-4, rtol=0)
