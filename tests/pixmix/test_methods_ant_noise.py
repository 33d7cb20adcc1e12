"""Adversarial noise training: the noise's norm beside bisection, and its generator."""

from __future__ import annotations

import math

import pytest
import torch
from ant_samples import images_of, labels_of, make, norms, seeded
from hypothesis import given, settings as hypothesis_settings, strategies as st
from scipy import stats
from small_networks import small_network
from torch import nn
from torch.nn import functional

from pixmix._common import keyed
from pixmix._common.modes import in_eval_mode
from pixmix.methods._ant import Opponent, default_epsilon
from pixmix.methods._noise_generator import draw_weights, make_noise, perturb

pytestmark = pytest.mark.usefixtures("one_thread")


# The norm.


def edge_images(kind: str, size: tuple[int, int]) -> torch.Tensor:
    """An image each in which noise has all room, room in one direction, or none for half of the values."""
    random = torch.rand(2, 3, *size, generator=seeded(5))
    half = torch.where(torch.rand(random.shape, generator=seeded(6)) < 0.5, random, random.round())
    kinds = {"random": random, "black": torch.zeros_like(random), "white": torch.ones_like(random)}
    return {**kinds, "half": half, "borders": random.round(), "grey": torch.full_like(random, 0.5)}[kind]


def by_bisection(images: torch.Tensor, noise: torch.Tensor, epsilon: float) -> torch.Tensor:
    """The scale of each image's noise, found by halving in float64."""
    images, noise = images.double(), noise.double()
    low, high = torch.zeros(len(images)).double(), torch.full((len(images),), 1e4).double()
    for _ in range(60):
        middle = (low + high) / 2
        reached = norms((images + middle.view(-1, 1, 1, 1) * noise).clamp(0, 1), images) >= epsilon
        low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
    return high.view(-1, 1, 1, 1)


@pytest.mark.parametrize("side", [32, 224])
@pytest.mark.parametrize("kind", ["random", "black", "white", "half", "borders", "grey"])
@pytest.mark.parametrize("part", [0.3, 1.0, 1.4])
def test_norm_is_exact_after_clipping(side: int, kind: str, part: float) -> None:
    images = edge_images(kind, (side, side))
    noise = torch.randn(images.shape, generator=seeded(1))
    epsilon = part * default_epsilon((side, side))
    changed = perturb(images, noise, epsilon)
    assert changed.min() >= 0 and changed.max() <= 1
    assert (norms(changed, images) - epsilon).abs().max() < 1e-4
    scale = by_bisection(images, noise, epsilon)
    torch.testing.assert_close(changed, (images + scale * noise).clamp(0, 1).float(), atol=1e-5, rtol=0)


@given(
    levels=st.lists(st.sampled_from([0.0, 1e-3, 0.2, 0.5, 1.0]), min_size=12, max_size=12),
    noise=st.lists(st.sampled_from([-30.0, -1.0, -1e-3, 0.0, 1e-4, 0.5, 1.0]), min_size=12, max_size=12),
    epsilon=st.floats(1e-3, 4),
)
@hypothesis_settings(deadline=None)
def test_norm_is_epsilon_or_the_largest_there_is(levels: list[float], noise: list[float], epsilon: float) -> None:
    images, force = torch.tensor(levels).view(1, 3, 2, 2), torch.tensor(noise).view(1, 3, 2, 2)
    changed = perturb(images, force, epsilon)
    farthest = torch.where(force > 0, 1.0, torch.where(force < 0, 0.0, images))
    room = norms(farthest, images)
    assert changed.min() >= 0 and changed.max() <= 1
    if room < epsilon * (1 - 1e-6):
        torch.testing.assert_close(changed, farthest, atol=1e-6, rtol=0)
    else:
        torch.testing.assert_close(norms(changed, images), torch.tensor([epsilon]).double(), atol=1e-4, rtol=0)
    assert torch.equal(changed[force == 0], images[force == 0])
    assert ((changed - images) * force >= 0).all()


def test_each_image_has_a_scale_of_its_own() -> None:
    images = torch.cat([edge_images(kind, (8, 8)) for kind in ("random", "black", "white", "half")])
    noise = torch.randn(images.shape, generator=seeded(1)) * torch.logspace(-3, 3, 8).view(-1, 1, 1, 1)
    together = perturb(images, noise, 3.0)
    alone = [perturb(images[n : n + 1], noise[n : n + 1], 3.0) for n in range(8)]
    torch.testing.assert_close(together, torch.cat(alone))
    torch.testing.assert_close(norms(together, images), torch.full((8,), 3.0).double(), atol=1e-5, rtol=0)


def test_the_gradient_is_that_of_finite_differences() -> None:
    images = torch.cat([edge_images(kind, (2, 2)) for kind in ("random", "black", "half")]).double()
    noise = torch.randn(images.shape, generator=seeded(2)).double().requires_grad_()
    assert (perturb(images, noise, 1.2) == 0).any() and (norms(perturb(images, noise, 1.2), images) > 1.19).all()
    assert torch.autograd.gradcheck(lambda given: perturb(images, given, 1.2), noise)


def test_where_there_is_too_little_room_the_gradient_is_zero() -> None:
    noise = torch.randn(2, 3, 4, 4, generator=seeded(0))
    noise[0, 0, 0, 0] = 0
    noise.requires_grad_()
    perturb(images_of(2, (4, 4)), noise, 100.0).sum().backward()
    assert torch.equal(noise.grad, torch.zeros_like(noise))


def test_default_norm_is_the_originals_per_pixel() -> None:
    assert default_epsilon((224, 224)) == 135
    assert default_epsilon((32, 32)) == pytest.approx(19.2857, abs=1e-4)
    assert default_epsilon((32, 64)) == pytest.approx(19.2857 * math.sqrt(2), abs=1e-4)
    assert make(epsilon=2.5).epsilon == 2.5


# The generator.


@pytest.mark.parametrize("kernel", [1, 3])
def test_weights_are_small_and_normal(kernel: int) -> None:
    weights = draw_weights(kernel, seeded())
    shapes = [(20, 3, 1, 1), (20, 20, kernel, kernel), (20, 20, 1, 1), (3, 20, 1, 1)]
    assert [tuple(weight.shape) for weight in weights[::2]] == shapes
    assert [tuple(bias.shape) for bias in weights[1::2]] == [(20,), (20,), (20,), (3,)]
    assert not any(bias.any() for bias in weights[1::2])
    values = torch.cat([weight.flatten() for weight in weights[::2]]).numpy()
    assert stats.kstest(values, stats.norm(0, 0.01).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kernel", [1, 3])
def test_noise_is_that_of_torchs_modules(kernel: int) -> None:
    weights = [
        torch.randn(tensor.shape, generator=seeded(n)) / 3 for n, tensor in enumerate(draw_weights(kernel, seeded()))
    ]
    layers = []
    for weight, bias in zip(weights[::2], weights[1::2], strict=True):
        convolution = nn.Conv2d(*weight.shape[1::-1], weight.shape[-1])
        convolution.load_state_dict({"weight": weight, "bias": bias})
        layers += [convolution, nn.ReLU()]
    border = kernel // 2
    source = keyed.normals(5, (6 + 2 * border, 9 + 2 * border), seeded(1))
    expected = nn.Sequential(*layers[:-1])(source) + source[:, :, border : 6 + border, border : 9 + border]
    made = make_noise(weights, 5, (6, 9), seeded(1))
    assert made.shape == (5, 3, 6, 9)
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(make_noise(weights, 5, (6, 9), seeded(1)), made)


class LightOrDark(nn.Module):
    """Two classes, by the mean of all values: noise of mean zero hardly misleads it."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        light = 40 * (images.mean((1, 2, 3)) - 0.5)
        return torch.stack([-light, light], 1)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_learning_generator_raises_the_loss(kernel: int) -> None:
    network, opponent = LightOrDark(), Opponent(draw_weights(kernel, seeded()), 0.01)
    labels = torch.arange(32) % 2
    images = (0.45 + 0.1 * labels).view(32, 1, 1, 1).expand(32, 3, 8, 8)

    @torch.no_grad()
    def noisy_loss() -> float:
        noise = make_noise(opponent.weights, 32, (8, 8), seeded(9))
        return functional.cross_entropy(network(perturb(images, noise, 2.0)), labels).item()

    fresh = noisy_loss()
    for step in range(40):
        opponent.learn(network, images, labels, epsilon=2.0, random=seeded(step))
    assert fresh < 0.1
    assert noisy_loss() > 10 * fresh


def test_a_step_is_adams_up_the_gradient_of_the_mean_loss() -> None:
    network, weights = small_network(), draw_weights(1, seeded())
    opponent = Opponent([tensor.clone() for tensor in weights], 1e-3)
    opponent.learn(network, images_of(16), labels_of(16), epsilon=3.0, random=seeded(4))
    plain = [tensor.clone().requires_grad_() for tensor in weights]
    with in_eval_mode(network):
        logits = network(perturb(images_of(16), make_noise(plain, 16, (8, 8), seeded(4)), 3.0))
    gradients = torch.autograd.grad(functional.cross_entropy(logits, labels_of(16)), plain)
    for made, start, gradient in zip(opponent.weights, weights, gradients, strict=True):
        # Adam's first step: each weight by lr, less where the gradient is about 1e-8.
        torch.testing.assert_close(made.detach(), start + 1e-3 * gradient / (gradient.abs() + 1e-8), atol=2e-5, rtol=0)
