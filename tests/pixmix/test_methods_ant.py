"""Adversarial noise training: who plays when, what goes on and what is left alone."""

from __future__ import annotations

import copy
import dataclasses
import io
import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from ant_samples import KEY, batches, images_of, labels_of, make, norms
from small_networks import assert_untouched, small_network, snapshot
from torch import nn

from mixset._common.errors import InputError
from pixmix._common import keyed
from pixmix.methods._ant import ANT, EARLIER
from pixmix.methods._base import StepKey

pytestmark = pytest.mark.usefixtures("one_thread")


def play(
    method: ANT, network: nn.Sequential, steps: list[int] | range, *, epoch: int = 0, images: torch.Tensor | None = None
) -> torch.Tensor:
    """Batches of an epoch through the method, the network learning nothing."""
    for step in steps:
        given = images_of(8, seed=step) if images is None else images
        key = dataclasses.replace(KEY, epoch=epoch, step=step)
        made, targets = method.batch(given, labels_of(len(given)), network=network, key=key, classes=4)
        assert torch.equal(targets, labels_of(len(given)))
    return made


# The game.


def shout(method: ANT, channel: int) -> None:
    """Make the generator's noise almost nothing but a constant in one channel."""
    for tensor in method.opponent.weights:
        tensor.data.zero_()
    method.opponent.weights[-1].data[channel] = 1000


def heard(changed: torch.Tensor, images: torch.Tensor) -> list[int | None]:
    """The channel in which each image was changed; None where it was not."""
    change = (changed - images).abs().mean((2, 3))
    return [int(row.argmax()) if row.any() else None for row in change]


def test_who_makes_the_noise_of_a_batch() -> None:
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


def test_noise_of_a_batch_is_new_at_each_step_and_has_the_norm() -> None:
    network, method, images = small_network(), make(epsilon=3.0, share=1.0), images_of(8)
    method.before_epoch(network, batches, key=KEY)
    first, second = (play(method, network, [step], images=images) for step in (0, 1))
    assert (first - second).abs().mean() > 0.05
    for made in (first, second):
        torch.testing.assert_close(norms(made, images), torch.full((8,), 3.0).double(), atol=1e-4, rtol=0)
        assert not made.requires_grad


def test_each_epoch_has_a_fresh_generator_and_keeps_the_ended_ones() -> None:
    network, method, asked = small_network(), make(restart_steps=2), []

    def counted(steps: int) -> Iterator[Any]:
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


def test_a_fresh_generator_learns_from_new_noise_at_each_step() -> None:
    network, seen = small_network(), []
    network.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    make().before_epoch(network, lambda steps: iter([(images_of(8), labels_of(8))] * steps), key=KEY)
    assert len(seen) == 3
    for one, other in itertools.pairwise(seen):
        assert (one - other).abs().mean() > 0.05


def test_both_learning_rates_are_used() -> None:
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


def test_only_the_first_process_shows_its_progress(capsys: pytest.CaptureFixture[str]) -> None:
    for rank in (0, 1):
        make().before_epoch(small_network(), batches, key=dataclasses.replace(KEY, rank=rank))
        shown = capsys.readouterr().err
        assert ("3/3 steps of the noise generator" in shown) == (rank == 0)


def test_the_network_is_left_as_it_is() -> None:
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


def test_the_network_is_attacked_in_eval_mode() -> None:
    modes = []
    network = small_network()
    network.register_forward_hook(lambda module, *_: modes.append(module.training))
    method = make()
    method.before_epoch(network, batches, key=KEY)
    play(method, network, range(2))
    assert modes == [False] * 5


@pytest.mark.parametrize("kernel", [1, 3])
def test_going_on_from_a_checkpoint_is_going_on(kernel: int) -> None:
    """Two epochs at once, and with a break within the second one and between the two."""
    network = small_network()

    def epoch(method: ANT, number: int, steps: range) -> torch.Tensor:
        if 0 in steps:
            method.before_epoch(network, batches, key=dataclasses.replace(KEY, epoch=number))
        return play(method, network, steps, epoch=number)

    def reloaded(method: ANT) -> ANT:
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


def test_a_loaded_state_is_a_copy() -> None:
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


def test_another_methods_state_is_refused() -> None:
    with pytest.raises(InputError, match="method ant keeps no state, but the checkpoint has pool"):
        make().load_state_dict({"pool": 1})


def test_the_state_of_a_fresh_method_makes_it_fresh_again() -> None:
    network, method = small_network(), make()
    first = play(method, network, [0])
    method.load_state_dict(make().state_dict())
    assert method.opponent is None and method.earlier == []
    assert torch.equal(play(method, network, [0]), first)


def test_loader_workers_get_no_generators() -> None:
    method = make()
    method.before_epoch(small_network(), batches, key=KEY)
    travelled = pickle.loads(pickle.dumps(method))
    assert isinstance(travelled, ANT)
    assert travelled.epsilon == method.epsilon
    assert travelled.opponent is None and method.opponent is not None


def test_is_a_function_of_seed_epoch_step_and_rank() -> None:
    def run(
        key: StepKey = KEY, *, memory_format: torch.memory_format = torch.contiguous_format, autocast: bool = False
    ) -> torch.Tensor:
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
