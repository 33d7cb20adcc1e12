"""Iterative: the pool, when it is refreshed, what a refresh touches, runs end to end, killed and under torchrun."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from processes_alive import wait_for
from torch import nn

from mixset._common.errors import InputError
from mixset.generate._fvis.objectives import Unit
from mixset.generate._networks.spec import network_spec
from pixmix._augment.draws import Key
from pixmix._augment.settings import PixMixSettings
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.datasets import load_data
from pixmix.train._runs import checkpoints
from pixmix.train._runs.config import IterativeSettings, TrainConfig, recipe
from pixmix.train._runs.processes import Processes
from pixmix.train._runs.run_folder import RunFolder
from pixmix.train._training import iterative as module, refresh_schedule
from pixmix.train._training.iterative import FVisPool, Iterative
from pixmix.train._training.refresh_schedule import Schedule
from pixmix.train._training.run import train

TINY = IterativeSettings(size=8, every=2, batch=4, steps=3)
FLAGS = [f"--iterative.{name}={value}" for name, value in vars(TINY).items() if name not in ("lr", "budget")]


pytestmark = pytest.mark.usefixtures("one_thread")


def quick(data: Path, out: Path, **changes: object) -> TrainConfig:
    """A run of six steps an epoch."""
    own = {"network": "wrn-10-1", "epochs": 1, "batch_size": 8, "workers": 0, "threads": 1, "method": "iterative"}
    own = {**own, "dataset": f"folder:{data}", "out": out, "suite": ("clean",), "iterative": TINY}
    return TrainConfig(**{**vars(recipe("quick")), **own, **changes})


def network_of(dropout: float = 0.3) -> nn.Module:
    torch.manual_seed(0)
    return network_spec("wrn-10-1", classes=3, dropout=dropout).build()


def method_of(data: Path, out: Path, network: nn.Module, *, rank: int = 0, **changes: object) -> Iterative:
    config = quick(data, out, **changes)
    processes = Processes(device=torch.device("cpu"), rank=rank)
    return Iterative(config, load_data(config.dataset), network, RunFolder(out), processes)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return checkpoints.read_weights(run / "weights.safetensors")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


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
    _, keys, *rest = np.random.get_state()  # noqa: NPY002
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

    def spied(body: nn.Module, choose: Callable[[int, int], Unit], seeds: list[int], **options: object):
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


@pytest.mark.parametrize("network", ["wrn-10-1", "resnet18", "own_network:make"])
def test_networks_of_every_kind(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str) -> None:
    (tmp_path / "own_network.py").write_text(
        "from torch import nn\n\n\ndef make(num_classes):\n"
        "    features = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(inplace=True))\n"
        "    return nn.Sequential(features, nn.Flatten(), nn.Linear(392, num_classes))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    out = tmp_path / "run"
    train(quick(colours, out, network=network))
    (entry,) = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert (entry["refreshes"], entry["last_refresh"], entry["refresh_every"]) == (2, 2, 2)  # before steps 2 and 4
    assert 0 < entry["refresh_seconds"] < entry["seconds"]
    # Seconds are rounded to thousandths, and the whole epoch may take a few hundredths.
    assert entry["refresh_share"] * entry["seconds"] == pytest.approx(entry["refresh_seconds"], abs=0.002)
    assert [path.name for path in (out / "fvis").iterdir()] == ["epoch-001.png"]
    assert Image.open(out / "fvis" / "epoch-001.png").width > 6 * 128
    assert (out / "images.png").exists()
    described = json.loads((out / "config.json").read_text())
    assert described["images"] == {"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}


def test_workers_do_not_change_a_run(colours: Path, tmp_path: Path) -> None:
    """Each image is mixed with the pool as it stands at its step, however far ahead a worker has cropped it."""
    for workers in (0, 1):
        train(quick(colours, tmp_path / str(workers), workers=workers, dropout=0.3))
    assert equal(weights(tmp_path / "0"), weights(tmp_path / "1"))
    train(quick(colours, tmp_path / "later", dropout=0.3, iterative=IterativeSettings(every=5, batch=4, steps=3)))
    assert not equal(weights(tmp_path / "0"), weights(tmp_path / "later"))


def test_a_budget_sets_the_steps_between(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(refresh_schedule, "MEASURED", 2)
    budgeted = IterativeSettings(size=8, every=2, batch=4, steps=3, budget=0.02)
    train(quick(colours, tmp_path / "run", epochs=2, iterative=budgeted))
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    every = log[0]["refresh_every"]
    assert every > 6  # a refresh of 12 steps of the network cannot take a fiftieth of fewer
    assert log[1]["refresh_every"] == every
    (state,) = checkpoints.load(tmp_path / "run" / "checkpoint.pt")["processes"]
    assert state["method"]["schedule"]["every"] == every
    assert f"one every {every} steps" in capsys.readouterr().err


def steps_done(run: Path) -> int:
    if not (run / "checkpoint.pt").exists():
        return 0
    state = checkpoints.load(run / "checkpoint.pt")
    return state["epoch"] * 6 + state["position"]


def log_of(run: Path) -> list[dict]:
    """The log without what the clock says."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if "seconds" not in name and "share" not in name} for line in lines
    ]


def command(data: Path, out: Path, *more: str) -> list[str]:
    program = ["-m", "pixmix.train", f"folder:{data}", "--recipe", "quick", "--network", "wrn-10-1", "--threads", "1"]
    program += ["--batch-size", "8", "--method", "iterative", *FLAGS, "--suite", "clean", "--dropout", "0.3"]
    return [sys.executable, *program, "--checkpoint-every", "1", "--epochs", "4", "--out", str(out), *more]


def test_killed_and_resumed_ends_with_the_same_weights(colours: Path, tmp_path: Path) -> None:
    """kill -9 in the second epoch, between two refreshes or within one; the pool comes back from the checkpoint."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(quick(colours, whole, epochs=4, dropout=0.3, checkpoint_every=1))
    with subprocess.Popen(
        command(colours, killed, "--workers", "1", "--resume"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_for(lambda: process.poll() is not None or steps_done(killed) >= 9, 120)
        process.send_signal(signal.SIGKILL)
    assert not (killed / "metrics.json").exists(), "the run ended before it could be killed"
    (state,) = checkpoints.load(killed / "checkpoint.pt")["processes"]
    assert len(state["method"]["pool"]["images"]) == 8
    assert state["method"]["schedule"]["refreshes"] >= 4
    train(quick(colours, killed, epochs=4, dropout=0.3, checkpoint_every=1, resume=True))
    assert equal(weights(whole), weights(killed))
    assert log_of(whole) == log_of(killed)
    assert sum(entry["refreshes"] for entry in log_of(whole)) == 11  # before each second of 24 steps but the first
    for epoch in range(1, 5):
        sheets = [RunFolder(run).sheet(epoch).read_bytes() for run in (whole, killed)]
        assert sheets[0] == sheets[1]
    assert len({RunFolder(whole).sheet(epoch).read_bytes() for epoch in range(1, 5)}) == 4


@pytest.mark.slow
def test_two_processes_have_pools_of_their_own_and_go_on_with_them(colours: Path, tmp_path: Path) -> None:
    """The network of the first try kills its process in the third epoch; the second try goes on from the checkpoint."""
    (tmp_path / "mortal.py").write_text(
        "import os, signal\nfrom mixset.generate._networks.wide_resnet import WideResNet\n\n\n"
        "class Mortal(WideResNet):\n    calls = 0\n\n    def forward(self, x):\n"
        "        self.calls += self.training\n"
        "        if self.calls == 16 and 'MORTAL' in os.environ:  # the first is a trial, before the first step\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        return super().forward(x)\n\n\n"
        "def make(num_classes):\n    return Mortal(10, 1, 0.3, num_classes)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}

    def torchrun(out: Path, *more: str, **extra: str) -> int:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        run = [*command(colours, out, "--workers", "0", *more)[1:], "--network", "mortal:make"]
        return subprocess.run(
            [*torchrun, *run], env={**environment, **extra}, capture_output=True, check=False
        ).returncode

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert torchrun(whole) == 0
    assert torchrun(killed, MORTAL="yes") != 0
    assert steps_done(killed) == 14
    assert torchrun(killed, "--resume") == 0
    assert equal(weights(whole), weights(killed))
    assert log_of(whole) == log_of(killed)
    states = checkpoints.load(whole / "checkpoint.pt")["processes"]
    first, second = (state["method"]["pool"] for state in states)
    assert first["refreshes"] == second["refreshes"] == [10] * 4 + [11] * 4
    assert (first["layers"], first["channels"]) != (second["layers"], second["channels"])
    assert not torch.equal(first["images"], second["images"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixing_set": ("fractals",)}, "makes its own images; leave `mixing_set` out"),
        ({"network": "torchvision.ops:MLP"}, "MLP: fails, called with num_classes"),
        ({"mix": PixMixSettings(partner="input")}, r"mix\.partner input: the method iterative mixes both"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_lost(
    colours: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        train(quick(colours, tmp_path / "run", **changes))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_network_without_convolutions_is_named(colours: Path, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    with pytest.raises(InputError, match="convolutions, but the network has none"):
        method_of(colours, tmp_path, network)
    uncopied = nn.Sequential(nn.Conv2d(3, 3, 1))
    uncopied.scale = uncopied[0].weight * 2
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
