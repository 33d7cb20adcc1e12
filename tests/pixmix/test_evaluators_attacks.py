"""PGD beside the paper's statement sequence, a linear network's known optimum, and its bounds."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from mixset.errors import InputError
from pixmix import philox
from pixmix.attacks import PGDSettings, pgd

EPSILON = 2 / 255
ULP = 6e-8  # of float32 just below 1

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def network():
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 64, 4))
    return body.eval()


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (24, 3, 8, 8))
    values[:6] = rng.choice([0, 255], (6, 3, 8, 8))  # at the ends of the range
    return torch.tensor(values, dtype=torch.float32) / 255


@pytest.fixture
def labels():
    return torch.arange(24) % 4


def attack(network, pictures, labels, *, seed=0, indices=None, **settings):
    indices = np.arange(len(pictures)) if indices is None else indices
    return pgd(network, pictures, labels, indices=indices, seed=seed, settings=PGDSettings(**settings))


def noise_of(pictures, seed=0):
    draws = philox.uniforms(seed, 0, np.arange(len(pictures)), philox.ATTACK, pictures[0].numel())
    return torch.tensor(((2 * draws - 1) * EPSILON).astype(np.float32)).view_as(pictures)


def test_reference_form_is_the_papers_statement_sequence(network, pictures, labels):
    """The start is a view of the pictures, so adding the noise in place moves the ball, too."""
    clean = pictures.clone()
    start = clean.detach()
    start += noise_of(pictures)
    adversary = start
    for _ in range(20):
        adversary = adversary.detach().requires_grad_()
        loss = functional.cross_entropy(network(adversary), labels, reduction="sum")
        gradient = torch.autograd.grad(loss, adversary)[0]
        adversary = adversary.detach() + 0.5 / 255 * torch.sign(gradient)
        adversary = torch.min(torch.max(adversary, clean - EPSILON), clean + EPSILON)
        adversary = torch.clamp(adversary, 0, 1)
    assert torch.equal(attack(network, pictures, labels, ball="reference"), adversary)


def test_bounds(network, pictures, labels):
    corrected = (attack(network, pictures, labels, ball="corrected") - pictures).abs()
    reference = (attack(network, pictures, labels, ball="reference") - pictures).abs()
    assert corrected.max() <= EPSILON + ULP
    assert corrected.max() > 0.99 * EPSILON
    assert reference.max() <= 2 * EPSILON + ULP
    assert reference.max() > 1.5 * EPSILON


@pytest.mark.parametrize("ball", ["corrected", "reference"])
@pytest.mark.parametrize("steps", [0, 1, 20])
def test_adversaries_are_pictures(network, pictures, labels, ball, steps):
    made = attack(network, pictures, labels, ball=ball, steps=steps)
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.dtype == torch.float32


def test_first_gradient_is_taken_inside_the_range_in_the_corrected_form_only(pictures, labels):
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append((x.min().item(), x.max().item()))
            return x.flatten(1)[:, :4]

    attack(Spy(), pictures, labels, ball="corrected")
    assert all(low >= 0 and high <= 1 for low, high in seen)
    seen.clear()
    attack(Spy(), pictures, labels, ball="reference")
    assert seen[0][0] < 0 and seen[0][1] > 1
    assert all(low >= 0 and high <= 1 for low, high in seen[1:])


def test_linear_network_ends_at_the_known_optimum(pictures):
    """Two classes: the gradient's sign is that of the weights' difference everywhere, so the corner is the optimum."""
    torch.manual_seed(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    labels = torch.arange(24) % 2
    weights = network[1].weight.detach()
    direction = (weights[1 - labels] - weights[labels]).sign().view_as(pictures)
    expected = (pictures + EPSILON * direction).clamp(0, 1)
    assert torch.equal(attack(network, pictures, labels, ball="corrected"), expected)
    noised = pictures + noise_of(pictures)
    assert torch.equal(attack(network, pictures, labels, ball="reference"), (noised + EPSILON * direction).clamp(0, 1))


def test_loss_rises_and_error_grows_with_epsilon(network, pictures):
    labels = network(pictures).argmax(1)  # clean error 0
    errors, losses = [], []
    for epsilon in (0.0, 1 / 255, 4 / 255, 16 / 255, 64 / 255):
        made = attack(network, pictures, labels, epsilon=epsilon, step_size=max(epsilon / 4, 0))
        errors.append((network(made).argmax(1) != labels).float().mean().item())
        losses.append(functional.cross_entropy(network(made), labels).item())
    assert errors[0] == 0
    assert errors == sorted(errors)
    assert errors[-1] > 0.9
    assert losses == sorted(losses)


def test_random_start_is_keyed_by_seed_and_index(network, pictures, labels):
    whole = attack(network, pictures, labels, steps=0)
    assert torch.equal(attack(network, pictures[5:9], labels[5:9], steps=0, indices=np.arange(5, 9)), whole[5:9])
    assert not torch.equal(attack(network, pictures, labels, steps=0, seed=1), whole)
    moved = (whole - pictures).abs()
    assert moved.max() <= EPSILON + ULP
    assert moved[6:].mean() == pytest.approx(EPSILON / 2, rel=0.05)  # uniform; the first six are cut off at the ends


def test_weights_get_no_gradient_and_nothing_else_moves(network, pictures, labels):
    before, torch_state = pictures.clone(), torch.get_rng_state()
    with torch.no_grad():
        made = attack(network, pictures, labels)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
    assert not made.requires_grad
    assert torch.equal(pictures, before)
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"epsilon": float("nan")}, "epsilon"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"step_size": 2.0}, "step_size"),
        ({"steps": -1}, "steps"),
        ({"ball": "round"}, "corrected, reference"),
    ],
)
def test_bad_settings_are_named(settings, line):
    with pytest.raises(InputError, match=line):
        PGDSettings(**settings)
