"""Adversarial noise training: the noise's norm beside bisection, the generator, and who plays when."""

import copy
import dataclasses
import io
import itertools
import math
import pickle

import pytest
import torch
from hypothesis import given, settings as hypothesis_settings, strategies as st
from scipy import stats
from small_networks import assert_untouched, small_network, snapshot
from torch import nn
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix._common import keyed
from pixmix._common.modes import in_eval_mode
from pixmix.methods import make_method
from pixmix.methods._ant import ANT, EARLIER, Opponent, default_epsilon
from pixmix.methods._base import StepKey
from pixmix.methods._noise_generator import draw_weights, make_noise, perturb
from pixmix.methods._settings import ANTSettings, MethodSettings

KEY = StepKey(seed=3, epoch=0, step=0)

pytestmark = pytest.mark.usefixtures("one_thread")


def make(size=(8, 8), **settings):
    settings = MethodSettings(ant=ANTSettings(**{"restart_steps": 3, **settings}))
    return make_method("ant", classes=4, size=size, mean=(0.5,) * 3, std=(0.25,) * 3, settings=settings)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(count, size=(8, 8), *, seed=0):
    return torch.rand(count, 3, *size, generator=seeded(seed))


def labels_of(count):
    return torch.arange(count) % 4


def batches(steps):
    for step in range(steps):
        yield images_of(8, seed=100 + step), labels_of(8)


def play(method, network, steps, *, epoch=0, images=None):
    """Batches of an epoch through the method, the network learning nothing."""
    for step in steps:
        given = images_of(8, seed=step) if images is None else images
        key = dataclasses.replace(KEY, epoch=epoch, step=step)
        made, targets = method.batch(given, labels_of(len(given)), network=network, key=key, classes=4)
        assert torch.equal(targets, labels_of(len(given)))
    return made


# The norm.


def edge_images(kind, size):
    """An image each in which noise has all room, room in one direction, or none for half of the values."""
    random = torch.rand(2, 3, *size, generator=seeded(5))
    half = torch.where(torch.rand(random.shape, generator=seeded(6)) < 0.5, random, random.round())
    kinds = {"random": random, "black": torch.zeros_like(random), "white": torch.ones_like(random)}
    return {**kinds, "half": half, "borders": random.round(), "grey": torch.full_like(random, 0.5)}[kind]


def norms(changed, images):
    return (changed.double() - images.double()).flatten(1).norm(dim=1)


def by_bisection(images, noise, epsilon):
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
def test_norm_is_exact_after_clipping(side, kind, part):
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
def test_norm_is_epsilon_or_the_largest_there_is(levels, noise, epsilon):
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


def test_each_image_has_a_scale_of_its_own():
    images = torch.cat([edge_images(kind, (8, 8)) for kind in ("random", "black", "white", "half")])
    noise = torch.randn(images.shape, generator=seeded(1)) * torch.logspace(-3, 3, 8).view(-1, 1, 1, 1)
    together = perturb(images, noise, 3.0)
    alone = [perturb(images[n : n + 1], noise[n : n + 1], 3.0) for n in range(8)]
    torch.testing.assert_close(together, torch.cat(alone))
    torch.testing.assert_close(norms(together, images), torch.full((8,), 3.0).double(), atol=1e-5, rtol=0)


def test_the_gradient_is_that_of_finite_differences():
    images = torch.cat([edge_images(kind, (2, 2)) for kind in ("random", "black", "half")]).double()
    noise = torch.randn(images.shape, generator=seeded(2)).double().requires_grad_()
    assert (perturb(images, noise, 1.2) == 0).any() and (norms(perturb(images, noise, 1.2), images) > 1.19).all()
    assert torch.autograd.gradcheck(lambda given: perturb(images, given, 1.2), noise)


def test_where_there_is_too_little_room_the_gradient_is_zero():
    noise = torch.randn(2, 3, 4, 4, generator=seeded(0))
    noise[0, 0, 0, 0] = 0
    noise.requires_grad_()
    perturb(images_of(2, (4, 4)), noise, 100.0).sum().backward()
    assert torch.equal(noise.grad, torch.zeros_like(noise))


def test_default_norm_is_the_originals_per_pixel():
    assert default_epsilon((224, 224)) == 135
    assert default_epsilon((32, 32)) == pytest.approx(19.2857, abs=1e-4)
    assert default_epsilon((32, 64)) == pytest.approx(19.2857 * math.sqrt(2), abs=1e-4)
    assert make(epsilon=2.5).epsilon == 2.5


# The generator.


@pytest.mark.parametrize("kernel", [1, 3])
def test_weights_are_small_and_normal(kernel):
    weights = draw_weights(kernel, seeded())
    shapes = [(20, 3, 1, 1), (20, 20, kernel, kernel), (20, 20, 1, 1), (3, 20, 1, 1)]
    assert [tuple(weight.shape) for weight in weights[::2]] == shapes
    assert [tuple(bias.shape) for bias in weights[1::2]] == [(20,), (20,), (20,), (3,)]
    assert not any(bias.any() for bias in weights[1::2])
    values = torch.cat([weight.flatten() for weight in weights[::2]]).numpy()
    assert stats.kstest(values, stats.norm(0, 0.01).cdf).pvalue > 1e-3


@pytest.mark.parametrize("kernel", [1, 3])
def test_noise_is_that_of_torchs_modules(kernel):
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

    def forward(self, images):
        light = 40 * (images.mean((1, 2, 3)) - 0.5)
        return torch.stack([-light, light], 1)


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_learning_generator_raises_the_loss(kernel):
    network, opponent = LightOrDark(), Opponent(draw_weights(kernel, seeded()), 0.01)
    labels = torch.arange(32) % 2
    images = (0.45 + 0.1 * labels).view(32, 1, 1, 1).expand(32, 3, 8, 8)

    @torch.no_grad()
    def noisy_loss():
        noise = make_noise(opponent.weights, 32, (8, 8), seeded(9))
        return functional.cross_entropy(network(perturb(images, noise, 2.0)), labels).item()

    fresh = noisy_loss()
    for step in range(40):
        opponent.learn(network, images, labels, epsilon=2.0, random=seeded(step))
    assert fresh < 0.1
    assert noisy_loss() > 10 * fresh


def test_a_step_is_adams_up_the_gradient_of_the_mean_loss():
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


# The game.


def shout(method, channel):
    """Make the generator's noise almost nothing but a constant in one channel."""
    for tensor in method.opponent.weights:
        tensor.data.zero_()
    method.opponent.weights[-1].data[channel] = 1000


def heard(changed, images):
    """The channel in which each image was changed; None where it was not."""
    change = (changed - images).abs().mean((2, 3))
    return [int(row.argmax()) if row.any() else None for row in change]


def test_who_makes_the_noise_of_a_batch():
    network, method, images = small_network(), make(restart_steps=0), images_of(40)
    play(method, network, range(1))
    shout(method, 0)
    assert heard(play(method, network, [1], images=images), images) == [0] * 20 + [None] * 20
    method.before_epoch(network, batches, key=dataclasses.replace(KEY, epoch=1))
    play(method, network, [0], epoch=1)
    shout(method, 1)
    assert heard(play(method, network, [1], epoch=1, images=images), images) == [1] * 12 + [0] * 8 + [None] * 20
    method.before_epoch(network, batches, key=dataclasses.replace(KEY, epoch=2))
    play(method, network, [0], epoch=2)
    shout(method, 2)
    pairs = []
    for step in range(1, 41):
        found = heard(play(method, network, [step], epoch=2, images=images), images)
        assert found[:12] == [2] * 12 and found[20:] == [None] * 20
        assert len(set(found[12:16])) == len(set(found[16:20])) == 1
        pairs.append((found[12], found[16]))
    assert {pairs.count((a, b)) > 2 for a in (0, 1) for b in (0, 1)} == {True}  # each earlier one, drawn each time anew


def test_noise_of_a_batch_is_new_at_each_step_and_has_the_norm():
    network, method, images = small_network(), make(epsilon=3.0, share=1.0), images_of(8)
    method.before_epoch(network, batches, key=KEY)
    first, second = (play(method, network, [step], images=images) for step in (0, 1))
    assert (first - second).abs().mean() > 0.05
    for made in (first, second):
        torch.testing.assert_close(norms(made, images), torch.full((8,), 3.0).double(), atol=1e-4, rtol=0)
        assert not made.requires_grad


def test_each_epoch_has_a_fresh_generator_and_keeps_the_ended_ones():
    network, method, asked = small_network(), make(restart_steps=2), []

    def counted(steps):
        asked.append(steps)
        return batches(steps)

    ended = []
    for epoch in range(3):
        method.before_epoch(network, counted, key=dataclasses.replace(KEY, epoch=epoch))
        assert len(method.earlier) == epoch
        play(method, network, range(2), epoch=epoch)
        ended.append([tensor.detach().clone() for tensor in method.opponent.weights])
    assert asked == [2, 2, 2]
    for kept, last in zip(method.earlier, ended, strict=False):
        assert all(map(torch.equal, kept, last))
    assert not torch.equal(ended[0][0], ended[1][0])
    other = make()
    other.before_epoch(network, batches, key=dataclasses.replace(KEY, rank=1))
    assert (other.opponent.weights[0] - method.earlier[0][0]).abs().mean() > 0.005  # generators of its own


def test_a_fresh_generator_learns_from_new_noise_at_each_step():
    network, seen = small_network(), []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    make().before_epoch(network, lambda steps: iter([(images_of(8), labels_of(8))] * steps), key=KEY)
    assert len(seen) == 3
    for one, other in itertools.pairwise(seen):
        assert (one - other).abs().mean() > 0.05


def test_both_learning_rates_are_used():
    """Adam's first step moves each weight by the rate or less, the last ones, whose gradients are large, by as much."""
    network, method = small_network(), make(restart_steps=1, restart_lr=0.02, lr=0.003, epsilon=3.0)
    start = make(restart_steps=0)
    start.before_epoch(network, batches, key=KEY)
    fresh = [tensor.detach().clone() for tensor in start.opponent.weights]
    method.before_epoch(network, batches, key=KEY)
    trained = [tensor.detach().clone() for tensor in method.opponent.weights]
    play(method, network, [0])
    for before, after, lr in ((fresh, trained, 0.02), (trained, method.opponent.weights, 0.003)):
        moved = torch.cat([(a - b).detach().abs().flatten() for a, b in zip(after, before, strict=True)])
        assert moved.max() <= lr * 1.001
        assert (moved[-3:] > 0.99 * lr).all()


def test_only_the_first_process_shows_its_progress(capsys):
    for rank in (0, 1):
        make().before_epoch(small_network(), batches, key=dataclasses.replace(KEY, rank=rank))
        shown = capsys.readouterr().err
        assert ("3/3 steps of the noise generator" in shown) == (rank == 0)


def test_the_network_is_left_as_it_is():
    network, method = small_network(), make()
    network[3].eval()  # a part that is kept out of training stays so
    before = snapshot(network)
    state = torch.get_rng_state()
    images = images_of(8)
    method.before_epoch(network, batches, key=KEY)
    with torch.no_grad():
        play(method, network, range(3), images=images)
    assert_untouched(network, before)
    assert torch.equal(images, images_of(8))
    assert torch.equal(torch.get_rng_state(), state)


def test_the_network_is_attacked_in_eval_mode():
    modes = []
    network = small_network()
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    method = make()
    method.before_epoch(network, batches, key=KEY)
    play(method, network, range(2))
    assert modes == [False] * 5


@pytest.mark.parametrize("kernel", [1, 3])
def test_going_on_from_a_checkpoint_is_going_on(kernel):
    """Two epochs at once, and with a break within the second one and between the two."""
    network = small_network()

    def epoch(method, number, steps):
        if 0 in steps:
            method.before_epoch(network, batches, key=dataclasses.replace(KEY, epoch=number))
        return play(method, network, steps, epoch=number)

    def reloaded(method):
        file = io.BytesIO()
        torch.save(method.state_dict(), file)
        file.seek(0)
        other = make(kernel=kernel)
        other.load_state_dict(torch.load(file, weights_only=True))
        return other

    whole = make(kernel=kernel)
    epoch(whole, 0, range(4))
    broken = reloaded(whole)
    epoch(whole, 1, range(2))
    epoch(broken, 1, range(2))
    broken = reloaded(broken)
    assert torch.equal(epoch(whole, 1, range(2, 4)), epoch(broken, 1, range(2, 4)))
    for one, other in zip(whole.opponent.weights, broken.opponent.weights, strict=True):
        assert torch.equal(one, other)


def test_a_loaded_state_is_a_copy():
    network, method = small_network(), make()
    method.before_epoch(network, batches, key=KEY)
    play(method, network, range(2))
    state = method.state_dict()
    kept = copy.deepcopy(state)
    other = make()
    other.load_state_dict(state)
    play(other, network, range(2, 4))
    assert all(map(torch.equal, state["generator"], kept["generator"]))
    assert torch.equal(state["adam"]["state"][0]["exp_avg"], kept["adam"]["state"][0]["exp_avg"])


def test_another_methods_state_is_refused():
    with pytest.raises(InputError, match="method ant keeps no state, but the checkpoint has pool"):
        make().load_state_dict({"pool": 1})


def test_the_state_of_a_fresh_method_makes_it_fresh_again():
    network, method = small_network(), make()
    first = play(method, network, [0])
    method.load_state_dict(make().state_dict())
    assert method.opponent is None and method.earlier == []
    assert torch.equal(play(method, network, [0]), first)


def test_loader_workers_get_no_generators():
    method = make()
    method.before_epoch(small_network(), batches, key=KEY)
    travelled = pickle.loads(pickle.dumps(method))
    assert isinstance(travelled, ANT)
    assert travelled.epsilon == method.epsilon
    assert travelled.opponent is None and method.opponent is not None


def test_is_a_function_of_seed_epoch_step_and_rank():
    def run(key=KEY, *, memory_format=torch.contiguous_format, autocast=False):
        method, network = make(), small_network()
        method.before_epoch(network, batches, key=KEY)
        given = images_of(8).to(memory_format=memory_format)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            return method.batch(given, labels_of(8), network=network, key=key, classes=4)[0]

    first = run()
    torch.manual_seed(7)
    assert torch.equal(run(), first)
    torch.testing.assert_close(run(memory_format=torch.channels_last), first, atol=1e-3, rtol=0)
    made = run(autocast=True)  # the network's gradients are bfloat16's, what is made of them is float32
    assert made.dtype == torch.float32
    torch.testing.assert_close(
        norms(made, images_of(8))[:4], torch.full((4,), make().epsilon).double(), atol=1e-4, rtol=0
    )
    for other in ({"seed": 4}, {"epoch": 2}, {"step": 1}, {"rank": 1}):
        assert (run(dataclasses.replace(KEY, **other)) - first).abs().max() > 0.1
    random = keyed.generator(KEY, torch.device("cpu"), purpose=EARLIER)
    assert random.initial_seed() != keyed.generator(KEY, torch.device("cpu")).initial_seed()
