"""Devices: each worker has one for its life, the CPU one torch thread, and what is not there is said beforehand."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_family import PLACED, PlacedRecipe

from mixset import InputError, MixingSet
from mixset._store import manifest
from mixset.generate import make
from mixset.generate._job import families
from mixset.generate._job.devices import at_work, check_names, slots
from mixset.generate._job.job import remake


@pytest.fixture(autouse=True)
def _placed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(families.FAMILIES, "placed", PLACED)
    monkeypatch.setenv("TINY_LOG", str(tmp_path / "log"))


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setenv("TINY_GPUS", str(count))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def log(folder: Path) -> list[list[str]]:
    """For each shard: process, device, torch threads."""
    return [line.split() for line in (folder / "log").read_text().splitlines()]


@pytest.mark.parametrize(
    ("count", "devices", "workers", "expected"),
    [
        (0, ["auto"], 3, ["cpu"] * 3),
        (0, ["cpu"], 2, ["cpu"] * 2),
        (2, ["cpu"], 2, ["cpu"] * 2),
        (2, ["auto"], None, ["cuda:0", "cuda:1"]),
        (2, ["auto"], 4, ["cuda:0", "cuda:1"] * 2),
        (8, ["auto"], 2, ["cuda:0", "cuda:1"]),
        (8, ["cuda"], None, ["cuda:0"]),
        (8, ["cuda:5"], 2, ["cuda:5"] * 2),
        (8, ["cuda:3", "cuda:1"], None, ["cuda:3", "cuda:1"]),
    ],
)
def test_which_worker_has_which_device(
    monkeypatch: pytest.MonkeyPatch, count: int, devices: list[str], workers: int | None, expected: list[str]
) -> None:
    gpus(monkeypatch, count)
    assert slots(PLACED, devices, workers) == expected


@pytest.mark.parametrize(
    ("count", "devices", "workers", "words"),
    [
        (2, ["gpu"], None, "devices: 'gpu' is unknown; give auto, cpu, cuda:N"),
        (2, [], None, "devices: '' is unknown"),
        (2, ["cuda:-1"], None, "is unknown"),
        (2, ["cpu", "cuda:0"], None, "cpu,cuda:0 do not go together"),
        (2, ["auto", "auto"], None, "do not go together"),
        (2, ["cuda:1", "cuda:1"], None, "names one twice"),
        (2, ["cuda:1", "cuda:2", "cuda:3"], None, "cuda:2, cuda:3 is not there, torch sees cuda:0, cuda:1"),
        (0, ["cuda"], None, "cuda:0 is not there, torch sees no GPU; give auto or cpu"),
        (2, ["auto"], 3, r"workers: 3 on 2 GPUs \(cuda:0, cuda:1\); give a multiple of that"),
        (0, ["auto"], 0, "workers: a whole number from 1 to 1,024 is needed, got 0"),
    ],
)
def test_what_is_not_there_is_said_before_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, count: int, devices: list[str], workers: int | None, words: str
) -> None:
    gpus(monkeypatch, count)
    with pytest.raises(InputError, match=words):
        make(PlacedRecipe(), tmp_path / "set", devices=devices, workers=workers, quiet=True)
    assert not (tmp_path / "set").exists()


def test_families_without_a_device_ask_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert slots(PLACED._replace(on_device=False), ["auto"], 2) == ["cpu"] * 2
    assert check_names(["cuda:0", "cuda:1"]) == ["cuda:0", "cuda:1"]


def test_at_work_the_cpu_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(ZeroDivisionError), at_work("auto") as device:
            assert (device, torch.get_num_threads()) == ("cpu" if not torch.cuda.is_available() else "cuda:0", 1)
            raise ZeroDivisionError
        assert torch.get_num_threads() == 3
        gpus(monkeypatch, 2)
        with at_work("auto") as device:
            assert (device, torch.get_num_threads()) == ("cuda:0", 3)
        with pytest.raises(InputError, match="cuda:2 is not there"), at_work("cuda:2"):
            pass
    finally:
        torch.set_num_threads(before)


def test_each_process_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpus(monkeypatch, 2)
    monkeypatch.setenv("TINY_TOGETHER", "2")  # so that neither makes all shards while the other starts
    make(PlacedRecipe(count=32), tmp_path / "set", devices=["cuda:0", "cuda:1"], quiet=True)
    shards = log(tmp_path)
    assert len(shards) == 8
    assert {device for _, device, _ in shards} == {"cuda:0", "cuda:1"}
    assert len({(process, device) for process, device, _ in shards}) == len({process for process, _, _ in shards}) == 2


def test_processes_on_the_cpu_have_one_thread_and_make_what_one_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # what torch begins with in the workers
    threads = torch.get_num_threads()
    make(PlacedRecipe(count=10), tmp_path / "one", devices=["cpu"], workers=1, quiet=True)
    assert torch.get_num_threads() == threads
    make(PlacedRecipe(count=10), tmp_path / "two", devices=["cpu"], workers=2, quiet=True)
    assert Counter(tuple(line[1:]) for line in log(tmp_path)) == {("cpu", "1"): 6}
    assert manifest.read(tmp_path / "one") == manifest.read(tmp_path / "two")


def test_an_executors_tasks_take_the_devices_in_turn_and_auto_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gpus(monkeypatch, 2)
    with ThreadPoolExecutor(3) as threads:
        make(PlacedRecipe(count=12), tmp_path / "a", executor=threads, devices=["cuda:0", "cuda:1"], quiet=True)
        make(PlacedRecipe(count=12), tmp_path / "b", executor=threads, quiet=True)
        with pytest.raises(InputError, match="is unknown"):
            make(PlacedRecipe(count=12), tmp_path / "c", executor=threads, devices=["gpu"], quiet=True)
    seen = Counter(device for _, device, _ in log(tmp_path))
    assert seen == {"cuda:0": 2 + 3, "cuda:1": 1}


def test_a_shard_is_made_again_where_there_is_a_device(tmp_path: Path) -> None:
    folder = make(PlacedRecipe(count=10), tmp_path / "set", devices=["cpu"], workers=1, quiet=True)
    listed = manifest.read(folder)
    drawn = [image for image, _, _ in remake(folder, listed.shards[1], listed.recipe)]
    np.testing.assert_array_equal(drawn, MixingSet(folder)[4:8])
    assert len(MixingSet(folder)) == 10
