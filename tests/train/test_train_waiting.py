"""How many workers a loader has, what share of the time waits for them, and what is said of it."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from loader_samples import CPU, copied, images_of

from pixmix.methods._base import Method
from pixmix.train._runs import processes
from pixmix.train._training.batches import BatchPlan
from pixmix.train._training.loader import MOST_HELD, Loader, RingLoader
from pixmix.train._training.ring import Ring
from pixmix.train._training.waiting import Waiting, remedy


def test_workers_are_chosen_by_cores_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "usable_cores", lambda: 16)
    gpu = torch.device("cuda", 0)
    assert processes.loader_workers(None, CPU) == 2
    assert processes.loader_workers(None, gpu) == 14
    assert processes.loader_workers(5, gpu) == processes.loader_workers(5, CPU) == 5
    assert processes.loader_workers(0, gpu) == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert processes.loader_workers(None, gpu) == 2
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "16")
    assert processes.loader_workers(None, CPU) == processes.loader_workers(None, gpu) == 1
    monkeypatch.delenv("LOCAL_WORLD_SIZE")
    monkeypatch.setattr(processes, "usable_cores", lambda: 200)
    assert processes.loader_workers(None, gpu) == 32


def test_waiting_is_the_share_of_the_time_without_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    waiting = Waiting(CPU)
    for seconds in (1.0, 2.0):
        waiting.begin()
        clock[0] += seconds
        waiting.end()
        clock[0] += 4.5
    assert waiting.take() == pytest.approx(3 / 12)
    clock[0] += 1
    assert waiting.take() == 0


def test_waiting_for_a_gpu_is_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's own waiting does not count, as it runs ahead."""
    clock, device = [0.0], [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self, stream: object) -> None:
            self.at = max(clock[0], device[0])  # after what is on its way

        def elapsed_time(self, later: Any) -> float:
            return 1000 * (later.at - self.at)

        def synchronize(self) -> None:
            pass

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    waiting = Waiting(torch.device("cuda", 0))
    for host, step in ((3.0, 2.0), (1.0, 5.0), (4.0, 1.0)):
        waiting.begin()
        clock[0] += host
        waiting.end()
        device[0] = max(clock[0], device[0]) + step
    # The device: idle for 3, busy to 5, busy to 10 (its data came at 4), and its next data came at 8.
    clock[0] = 12.0
    assert waiting.take() == pytest.approx(3 / 12)


def test_a_host_that_runs_ahead_leaves_the_workers_slots(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The device copies from no slot that is filled again, and is waited for by the host where it is far behind."""
    done: list[int] = []

    class Event:
        made = 0

        def __init__(self, blocking: bool) -> None:
            assert blocking
            self.number, Event.made = Event.made, Event.made + 1

        def record(self, stream: object) -> None:
            pass

        def query(self) -> bool:
            return self.number in done

        def synchronize(self) -> None:
            done.append(self.number)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(Ring, "pin", lambda ring: None)
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    expected = copied(Loader(images, plan))
    images.device = torch.device("cuda", 0)
    with closing(RingLoader(images, plan, 2)) as loader:
        loader.waiting = Waiting(CPU)
        for step, batch in enumerate(loader):
            made = expected[step].images
            assert batch.images is not None and made is not None
            assert torch.equal(batch.images, made)
            assert done == list(range(step - MOST_HELD))
            assert len(loader._out) >= min(loader.ring.form.slots - 1 - MOST_HELD, plan.steps - step - 1)


def test_the_remedy_fits_the_cause() -> None:
    assert "local disk" in remedy(workers=4, cores=16, busy=0.2)
    assert remedy(workers=4, cores=16, busy=0.95) == "more than 4 workers, for which 16 cores are here"
    assert "all 16 cores" in remedy(workers=16, cores=16, busy=0.95)


def test_the_log_has_the_share_and_a_line_says_what_to_change(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    with closing(RingLoader(images, plan, 1)) as loader:
        assert len(copied(loader)) == 11
        assert 0 < loader.processor <= loader.seconds * 1.5
        assert 0 < loader.waiting.take() <= 1
        assert loader.advice(0.01) == ""
        loader.processor = loader.seconds
        assert loader.advice(0.4).startswith("waited for data 40% of the time (")
    assert "more than 0 workers" in Loader(images, plan).advice(0.4)
