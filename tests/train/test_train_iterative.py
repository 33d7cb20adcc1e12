"""Iterative: the pool, when it is refreshed, and what a refresh touches."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from iterative_samples import method_of, network_of
from torch import nn

from mixset._common.errors import InputError
from mixset.generate._fvis.objectives import Unit
from mixset.generate._fvis.optimise import Visualised
from pixmix._augment.draws import Key
from pixmix._augment.settings import PixMixSettings
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._runs.iterative_settings import IterativeSettings
from pixmix.train._training import iterative as module
from pixmix.train._training.iterative import FVisPool
from pixmix.train._training.refresh_schedule import Schedule

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(deadline=None)
@given(st.integers(1, 12), st.lists(st.integers(1, 5), max_size=6))
def test_the_pool_holds_the_newest(capacity: int, sizes: list[int]) -> None:
    pool, numbers = FVisPool(capacity, 8), itertools.count()
    for refresh, size in enumerate(sizes, 1):
        mine = list(itertools.islice(numbers, size))
        images = np.stack([np.full((8, 8, 3), number, np.uint8) for number in mine])
        pool.add(images, [Unit("conv", number) for number in mine], refresh)
    kept = [(refresh, size) for refresh, size in enumerate(sizes, 1) for _ in range(size)][-capacity:]
    made = sum(sizes)
    assert [unit.channel for unit in pool.units] == list(range(made))[-capacity:]
    assert pool.images[:, 0, 0, 0].tolist() == list(range(made))[-capacity:]
    assert pool.refreshes == [refresh for refresh, _ in kept]
    assert pool.counts == (len(pool),) == (min(made, capacity),)


def test_a_refresh_comes_after_so_many_steps() -> None:
    schedule, found = Schedule(3, None, agree=max), []
    for step in range(10):
        if schedule.due:
            found.append(step)
            schedule.refreshed(0.5)
        schedule.step()
    assert found == [3, 6, 9]
    assert schedule.end_epoch() == (3, 1.5)
    assert schedule.end_epoch() == (0, 0.0)


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.01, 100), st.floats(0.001, 10))
def test_a_budget_is_kept_and_no_more_than_kept(budget: float, refresh: float, step: float) -> None:
    schedule = Schedule(4, budget, agree=lambda every: every)
    for number in range(10):
        assert (schedule.every, schedule.measures) == (4, True)
        schedule.step_times.extend([step, step, step * (1 if number % 2 else 1000)])  # a slow one now and then
        schedule.refreshed(refresh * (1 if number % 3 else 5))
    assert not schedule.measures

    def share(every: int) -> float:
        return refresh / (refresh + every * step)

    assert share(schedule.every) <= budget * (1 + 1e-9)
    assert schedule.every == 1 or share(schedule.every - 1) > budget * (1 - 1e-9)
    every = schedule.every
    schedule.refreshed(refresh * 1000)
    assert schedule.every == every


def test_processes_agree_on_the_slowest_ones_budget() -> None:
    schedule = Schedule(4, 0.5, agree=lambda every: max(every, 77))
    for _ in range(10):
        schedule.step_times.append(1.0)
        schedule.refreshed(3.0)
    assert schedule.every == 77


def test_all_channels_of_all_convolutions_are_equally_likely(colours: Path, tmp_path: Path) -> None:
    network = network_of()
    layers = method_of(colours, tmp_path, network).layers
    convolutions = {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d)}
    assert {layer.name: layer.channels for layer in layers} == {
        name: part.out_channels for name, part in convolutions.items()
    }
    total = sum(layer.channels for layer in layers)
    # The middle of each of `total` equal parts of the words: one for each unit.
    picked = [module._pick(layers, ((2 * part + 1) << 31) // total) for part in range(total)]
    assert picked == [(layer, channel) for layer in layers for channel in range(layer.channels)]


def everything(network: nn.Module, optimizer: torch.optim.Optimizer) -> list[object]:
    """All that a refresh must not touch; tensors copied."""
    state = [value.clone() for value in network.state_dict().values()]
    state += [parameter.grad.clone() for parameter in network.parameters()]
    state += [entry["momentum_buffer"].clone() for entry in optimizer.state.values()]
    flags = [parameter.requires_grad for parameter in network.parameters()]
    modes = [part.training for part in network.modules()]
    hooks = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in network.modules()]
    numbers: Any = np.random.get_state()  # noqa: NPY002
    _, keys, *rest = numbers
    return [*state, torch.get_rng_state(), torch.from_numpy(keys.copy()), flags, modes, hooks, rest]


def test_a_refresh_leaves_the_training_as_it_was(colours: Path, tmp_path: Path) -> None:
    network = network_of()
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    for _ in range(2):
        optimizer.zero_grad()
        network(torch.randn(8, 3, 16, 16)).square().mean().backward()
        optimizer.step()
    network.train()
    network.block2.eval()
    network.conv1.register_forward_hook(lambda *_: None)
    next(network.fc.parameters()).requires_grad_(False)
    method = method_of(colours, tmp_path, network)
    before = everything(network, optimizer)
    method.refresh(network)
    assert len(method.pool) == 4
    for one, other in zip(before, everything(network, optimizer), strict=True):
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def refreshed(data: Path, out: Path, *, rank: int = 0, scale: float = 1.0, **changes: object) -> FVisPool:
    network = network_of()
    with torch.no_grad():
        network.block1.layer[0].bn1.bias += 1 - scale
    method = method_of(data, out, network, rank=rank, **changes)
    for _ in range(2):
        method.refresh(network)
        method.schedule.refreshed(0.0)
    return method.pool


def test_a_refresh_is_a_function_of_network_seed_rank_and_number(colours: Path, tmp_path: Path) -> None:
    first = refreshed(colours, tmp_path)
    again = refreshed(colours, tmp_path)
    np.testing.assert_array_equal(first.images, again.images)
    assert first.units == again.units
    assert first.refreshes == [1] * 4 + [2] * 4
    assert first.units[:4] != first.units[4:]
    assert len({image.tobytes() for image in first.images}) == 8
    for changes in ({"rank": 1}, {"seed": 1}):
        assert refreshed(colours, tmp_path, **changes).units != first.units
    other = refreshed(colours, tmp_path, scale=0.5)
    assert other.units == first.units
    assert not np.array_equal(other.images, first.images)


def test_chunks_are_of_like_depth(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    real = module.visualise

    def spied(body: nn.Module, choose: Callable[[int, int], Unit], seeds: list[int], **options: object) -> Visualised:
        calls.append([choose(index, attempt).layer for attempt in (0, 1, 2) for index in range(len(seeds))])
        return real(body, choose, seeds, **options)

    monkeypatch.setattr(module, "visualise", spied)
    monkeypatch.setattr(module, "CPU_CHUNK", 4)
    settings = IterativeSettings(size=12, batch=12, steps=1)
    method = method_of(colours, tmp_path, network := network_of(), iterative=settings)
    method.refresh(network)
    depths = [layer.name for layer in method.layers]
    chunks = [[depths.index(name) for name in call] for call in calls]
    assert len(chunks) == 3
    for chunk, deeper in itertools.pairwise(chunks):
        assert max(chunk) <= min(deeper)  # those that take a dead unit's place (attempts 1 and 2) included
    assert len({depth for chunk in chunks for depth in chunk}) > 3


def test_without_a_pool_inputs_are_mixed_alone(colours: Path, tmp_path: Path) -> None:
    method = method_of(colours, tmp_path, network := network_of(), mix=PixMixSettings(k=3))
    batch = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)
    key, indices = Key(3, 1), np.arange(32)
    alone = PixMixMethod("mix-input", settings=PixMixSettings(k=3)).augment_array(batch, key, indices)
    np.testing.assert_array_equal(method.augment_array(batch, key, indices), alone)
    method.on_step(network)
    method.on_step(network)
    assert not len(method.pool)
    method.on_step(network)
    assert len(method.pool) == 4
    mixed = PixMixMethod("pixmix", settings=PixMixSettings(k=3), pool=method.pool).augment_array(batch, key, indices)
    np.testing.assert_array_equal(method.augment_array(batch, key, indices), mixed)
    assert not np.array_equal(mixed, alone)
    sent = pickle.loads(pickle.dumps(method))  # into loader workers, where they are not forked
    np.testing.assert_array_equal(sent.augment_array(batch, key, indices), mixed)


def test_a_compiled_network_is_looked_at_as_it_is_written(colours: Path, tmp_path: Path) -> None:
    network = network_of()
    plain = method_of(colours, tmp_path, network)
    compiled = method_of(colours, tmp_path, torch.compile(network))
    assert compiled.layers == plain.layers
    plain.refresh(network)
    compiled.refresh(torch.compile(network))  # compiling itself would take tens of seconds
    np.testing.assert_array_equal(compiled.pool.images, plain.pool.images)


def test_a_network_without_convolutions_is_named(colours: Path, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    with pytest.raises(InputError, match="convolutions, but the network has none"):
        method_of(colours, tmp_path, network)
    uncopied = nn.Sequential(nn.Conv2d(3, 3, 1))
    uncopied.scale = uncopied[0].weight * 2  # type: ignore[assignment]
    with pytest.raises(InputError, match="cannot be copied"):
        method_of(colours, tmp_path, uncopied)


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 0), ("every", 0), ("batch", -1), ("steps", 0), ("lr", float("nan")), ("budget", 1.0), ("batch", 513)],
)
def test_a_bad_setting_is_named(field: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"^iterative\.{field}[ :]") as caught:
        IterativeSettings(**{field: value})
    assert "\n" not in str(caught.value)
