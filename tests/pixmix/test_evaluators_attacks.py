"""PGD beside the paper's statement sequence, a linear network's known optimum, and its bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings as hypothesis_settings, strategies as st
from scipy import stats
from small_networks import assert_untouched, small_network, snapshot
from torch import nn
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._common import philox
from pixmix._common.attack import PGDSettings
from pixmix._common.modes import in_eval_mode
from pixmix._evaluators.attacks import pgd

EPSILON = 2 / 255
ULP = 6e-8  # of float32 just below 1

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 4))
    return body.eval()


@pytest.fixture
def images() -> torch.Tensor:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (24, 3, 8, 8))
    values[:6] = rng.choice([0, 255], (6, 3, 8, 8))  # at the ends of the range
    return torch.tensor(values, dtype=torch.float32) / 255


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.arange(24) % 4


def attack(
    network: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    ball: str = "corrected",
    seed: int = 0,
    indices: np.ndarray | None = None,
    **settings: Any,
) -> torch.Tensor:
    indices = np.arange(len(images)) if indices is None else indices
    return pgd(network, images, labels, ball=ball, indices=indices, seed=seed, settings=PGDSettings(**settings))


def noise_of(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    draws = philox.uniforms(seed, 0, np.arange(len(images)), philox.ATTACK, images[0].numel())
    return torch.tensor(((2 * draws - 1) * EPSILON).astype(np.float32)).view_as(images)


def test_reference_form_is_the_papers_statement_sequence(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor
) -> None:
    """The start is a view of the images, so adding the noise in place moves the ball, too."""
    clean = images.clone()
    start = clean.detach()
    start += noise_of(images)
    adversary = start
    for _ in range(20):
        adversary = adversary.detach().requires_grad_()
        loss = functional.cross_entropy(network(adversary), labels, reduction="sum")
        gradient = torch.autograd.grad(loss, adversary)[0]
        adversary = adversary.detach() + 0.5 / 255 * torch.sign(gradient)
        adversary = torch.min(torch.max(adversary, clean - EPSILON), clean + EPSILON)
        adversary = torch.clamp(adversary, 0, 1)
    assert torch.equal(attack(network, images, labels, ball="reference"), adversary)


def test_bounds(network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> None:
    corrected = (attack(network, images, labels, ball="corrected") - images).abs()
    reference = (attack(network, images, labels, ball="reference") - images).abs()
    assert corrected.max() <= EPSILON + ULP
    assert corrected.max() > 0.99 * EPSILON
    assert reference.max() <= 2 * EPSILON + ULP
    assert reference.max() > 1.5 * EPSILON


@pytest.mark.parametrize("ball", ["corrected", "reference"])
@pytest.mark.parametrize("steps", [0, 1, 20])
def test_adversaries_are_images(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor, ball: str, steps: int
) -> None:
    made = attack(network, images, labels, ball=ball, steps=steps)
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.dtype == torch.float32


def test_first_gradient_is_taken_inside_the_range_in_the_corrected_form_only(
    images: torch.Tensor, labels: torch.Tensor
) -> None:
    seen = []

    class Spy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.min().item(), x.max().item()))
            return x.flatten(1)[:, :4]

    attack(Spy(), images, labels, ball="corrected")
    assert all(low >= 0 and high <= 1 for low, high in seen)
    seen.clear()
    attack(Spy(), images, labels, ball="reference")
    assert seen[0][0] < 0 and seen[0][1] > 1
    assert all(low >= 0 and high <= 1 for low, high in seen[1:])


def test_linear_network_ends_at_the_known_optimum(images: torch.Tensor) -> None:
    """Two classes: the gradient's sign is that of the weights' difference everywhere, so the corner is the optimum."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    labels = torch.arange(24) % 2
    weights = network[1].weight.detach()
    direction = (weights[1 - labels] - weights[labels]).sign().view_as(images)
    expected = (images + EPSILON * direction).clamp(0, 1)
    assert torch.equal(attack(network, images, labels, ball="corrected"), expected)
    noised = images + noise_of(images)
    assert torch.equal(attack(network, images, labels, ball="reference"), (noised + EPSILON * direction).clamp(0, 1))


def test_loss_rises_and_error_grows_with_epsilon(network: nn.Sequential, images: torch.Tensor) -> None:
    labels = network(images).argmax(1)  # clean error 0
    errors, losses = [], []
    for epsilon in (0.0, 1 / 255, 4 / 255, 16 / 255, 64 / 255):
        made = attack(network, images, labels, epsilon=epsilon, step_size=max(epsilon / 4, 0))
        errors.append((network(made).argmax(1) != labels).float().mean().item())
        losses.append(functional.cross_entropy(network(made), labels).item())
    assert errors[0] == 0
    assert errors == sorted(errors)
    assert errors[-1] > 0.9
    assert losses == sorted(losses)


def test_random_start_is_keyed_by_seed_and_index(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor
) -> None:
    whole = attack(network, images, labels, steps=0)
    assert torch.equal(attack(network, images[5:9], labels[5:9], steps=0, indices=np.arange(5, 9)), whole[5:9])
    assert not torch.equal(attack(network, images, labels, steps=0, seed=1), whole)
    moved = (whole - images).abs()
    assert moved.max() <= EPSILON + ULP
    assert moved[6:].mean() == pytest.approx(EPSILON / 2, rel=0.05)  # uniform; the first six are cut off at the ends


def test_weights_get_no_gradient_and_nothing_else_moves(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor
) -> None:
    before, torch_state = images.clone(), torch.get_rng_state()
    with torch.no_grad():
        made = attack(network, images, labels)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert not made.requires_grad
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), torch_state)


def lengths(change: torch.Tensor) -> torch.Tensor:
    return change.double().flatten(1).norm(dim=1)


@pytest.mark.parametrize("random_start", [False, True])
def test_l2_is_a_plain_loop_over_images(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor, random_start: bool
) -> None:
    epsilon, step_size = 0.7, 0.3
    made = attack(
        network, images, labels, norm="l2", epsilon=epsilon, step_size=step_size, steps=5, random_start=random_start
    )
    starts = attack(
        network, images, labels, norm="l2", epsilon=epsilon, step_size=step_size, steps=0, random_start=random_start
    )
    for image, start, label, adversary in zip(images, starts, labels, made, strict=True):
        x = start
        for _ in range(5):
            x = x.detach().requires_grad_()
            functional.cross_entropy(network(x[None]), label[None]).backward()
            x = x.detach() + step_size * x.grad / x.grad.norm()
            change = x - image
            if change.norm() > epsilon:
                change = change * epsilon / change.norm()
            x = (image + change).clamp(0, 1)
        torch.testing.assert_close(adversary, x, atol=2e-5, rtol=0)


def test_l2_on_a_linear_network_goes_straight_to_the_border() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    labels, images = torch.arange(8) % 2, torch.full((8, 3, 8, 8), 0.5)
    weights = network[1].weight.detach()
    direction = weights[1 - labels] - weights[labels]
    direction = (direction / direction.norm(dim=1, keepdim=True)).view_as(images)
    for random_start in (False, True):
        made = attack(
            network, images, labels, norm="l2", epsilon=0.5, step_size=0.2, steps=40, random_start=random_start
        )
        torch.testing.assert_close(made, images + 0.5 * direction, atol=1e-3, rtol=0)


@given(
    norm=st.sampled_from(["linf", "l2"]),
    epsilon=st.one_of(st.sampled_from([0.0, 1e-4, 1.0]), st.floats(0, 1)),
    stride=st.floats(0, 3),
    steps=st.integers(0, 4),
    random_start=st.booleans(),
    seed=st.integers(0, 3),
)
@hypothesis_settings(deadline=None, max_examples=150)
def test_the_ball_is_never_left(
    norm: str, epsilon: float, stride: float, steps: int, random_start: bool, seed: int
) -> None:
    network = small_network(seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(9, 3, 8, 8, generator=generator)
    images[:3] = images[:3].round()  # at the ends of the range
    images[3], images[4] = 0, 1
    made = attack(
        network,
        images,
        torch.arange(9) % 4,
        norm=norm,
        epsilon=epsilon,
        step_size=min(stride * epsilon, 1.0),
        steps=steps,
        random_start=random_start,
        seed=seed,
    )
    assert made.min() >= 0 and made.max() <= 1
    assert made.dtype == torch.float32
    change = made - images
    if norm == "linf":
        assert change.abs().max() <= epsilon + ULP
    else:
        assert lengths(change).max() <= epsilon * (1 + 1e-6) + math.sqrt(192) * ULP / 2  # each value is rounded
    if steps == 0 and not random_start:
        assert torch.equal(made, images)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_balls_are_the_same_without_a_random_start(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor, norm: str
) -> None:
    settings = {"norm": norm, "random_start": False, "steps": 4, "epsilon": 0.05, "step_size": 0.03}
    made = attack(network, images, labels, ball="corrected", **settings)
    assert torch.equal(made, attack(network, images, labels, ball="reference", **settings))
    assert torch.equal(made, attack(network, images, labels, seed=5, **settings))
    assert not torch.equal(made, images)


def test_l2_reference_ball_lies_around_the_start(network: nn.Sequential) -> None:
    """From the border of the ball around the image, half a radius farther on."""
    images, labels = torch.full((16, 3, 8, 8), 0.5), torch.arange(16) % 4
    settings = {"norm": "l2", "epsilon": 0.4, "step_size": 0.1, "steps": 20, "ball": "reference"}
    made = attack(network, images, labels, **settings)
    start = attack(network, images, labels, **{**settings, "steps": 0})
    assert lengths(made - start).max() <= 0.4 + 1e-6
    assert lengths(made - images).max() > 0.5
    assert lengths(made - images).max() <= 0.8 + 1e-6


def test_l2_random_start_is_uniform_in_the_ball() -> None:
    """Of three values, so that the radius has a law that can be seen."""
    images = torch.full((4000, 3, 1, 1), 0.5)
    labels, network = torch.zeros(4000, dtype=torch.int64), nn.Flatten()
    start = attack(network, images, labels, norm="l2", epsilon=0.3, steps=0) - images
    radii = lengths(start).numpy()
    assert stats.kstest((radii / 0.3) ** 3, stats.uniform.cdf).pvalue > 1e-3
    along = start.flatten(1).double().numpy() / radii[:, None]
    for values in along.T:  # each coordinate of a uniform direction in space is uniform (Archimedes)
        assert stats.kstest(values, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    some = attack(network, images[7:9], labels[7:9], norm="l2", epsilon=0.3, steps=0, indices=np.arange(7, 9))
    assert torch.equal(some - images[7:9], start[7:9])


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1.0, 1e30])
def test_a_step_has_its_length_whatever_the_gradients(scale: float) -> None:
    """Also where their squares are below the smallest float or above the largest."""

    class Scaled(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return scale * x.flatten(1)[:, :4]

    images, labels = torch.full((8, 3, 8, 8), 0.5), torch.arange(8) % 4
    settings = {"random_start": False, "epsilon": 0.1, "step_size": 0.04, "steps": 1}
    moved = lengths(attack(Scaled(), images, labels, norm="l2", **settings) - images)
    torch.testing.assert_close(moved, torch.full((8,), 0.04 * (scale > 0)).double(), atol=1e-6, rtol=0)
    made = attack(Scaled(), images, labels, norm="linf", **settings)
    assert ((made - images).abs().amax((1, 2, 3)) > 0.039).all() == (scale > 0)


def test_l2_gradients_are_finite_where_autocast_is_on(
    network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor
) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = attack(network, images, labels, norm="l2", epsilon=0.5, step_size=0.3, steps=3, random_start=False)
    assert made.dtype == torch.float32
    plain = attack(network, images, labels, norm="l2", epsilon=0.5, step_size=0.3, steps=3, random_start=False)
    assert lengths(made - plain).max() < 0.2
    assert lengths(made - images).max() <= 0.5 + 1e-6


def test_in_eval_mode_gives_each_module_its_mode_back() -> None:
    network = small_network()
    network[3].eval()
    before = snapshot(network)
    with pytest.raises(ZeroDivisionError), in_eval_mode(network):
        assert not any(module.training for module in network.modules())
        raise ZeroDivisionError
    assert_untouched(network, before)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"step_size": 2.0}, "step_size"),
        ({"steps": -1}, "steps"),
        ({"norm": "l1"}, "linf, l2"),
        ({"norm": "l2", "epsilon": float("inf")}, "epsilon"),
        ({"norm": "l2", "step_size": -1.0}, "step_size"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, float | str], line: str) -> None:
    with pytest.raises(InputError, match=line):
        PGDSettings(**settings)


def test_an_unknown_ball_is_named(network: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(InputError, match="'round'; known: corrected, reference"):
        attack(network, images, labels, ball="round")


def test_an_l2_radius_may_be_above_one() -> None:
    assert PGDSettings(norm="l2", epsilon=3.0, step_size=2.0).epsilon == 3.0
