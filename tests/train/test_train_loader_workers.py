"""The loader's workers and the memory they share, which is made once and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from loader_samples import images_of
from processes_alive import wait_for

from mixset._common.errors import InputError
from pixmix._augment.draws import Key
from pixmix.methods._base import Method
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._training import loader as loading
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.loader import RingLoader, form_of
from pixmix.train._training.loader_worker import Part, make_part
from pixmix.train._training.ring import Form, Ring


def test_workers_end_with_the_loader(files: list[Path]) -> None:
    """Closed in the middle of its work, or forgotten."""
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    before = set(os.listdir("/proc/self/fd")) if sys.platform == "linux" else set()
    for forgotten in (False, True):
        loader = RingLoader(images, plan, 2)
        started = [process.pid for process in loader._processes]
        iterator = iter(loader)
        next(iterator)
        iterator.close()  # type: ignore[attr-defined]
        if not forgotten:
            loader.close()
            loader.close()
        del loader, iterator
        gc.collect()
        for process in started:
            with pytest.raises(ProcessLookupError):
                os.kill(process, 0)
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_the_ring_has_no_name(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    shared = Path("/dev/shm")
    before = sorted(shared.iterdir()) if shared.is_dir() else []
    with closing(RingLoader(images, plan, 2)) as loader:
        next(iter(loader))
        assert (sorted(shared.iterdir()) if shared.is_dir() else []) == before
        assert os.fstat(loader.ring._file).st_nlink == 0


def test_a_killed_worker_ends_the_run_with_a_line(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 2, seed=3)
    with closing(RingLoader(images, plan, 2)) as loader:
        batches = iter(loader)
        next(batches)
        os.kill(loader._processes[0].pid, signal.SIGKILL)
        wait_for(lambda: not loader._processes[0].is_alive(), 20)
        with pytest.raises(InputError, match=r"worker of the loader has died .*fewer `workers`"):
            list(batches)


class Refusing(Method):
    """Fails, in one of several ways."""

    def __init__(self, how: str) -> None:
        self.how = how

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        if self.how == "refuses":
            raise InputError("no images today")
        if self.how == "fails":
            raise ZeroDivisionError("a fault")
        whole = super().augment_array(batch, key, indices)
        return whole[:-1] if self.how == "too few" else whole.astype(np.float64)


@pytest.mark.parametrize(
    ("how", "kind", "line"),
    [
        ("refuses", InputError, "^no images today$"),
        ("fails", RuntimeError, "(?s)in a worker.*ZeroDivisionError: a fault"),
        ("too few", InputError, r"must make \(8, 3, 64, 64\) float32, got \(7, 3, 64, 64\) float32"),
        ("float64", InputError, r"float32, got \(8, 3, 64, 64\) float64"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_told(how: str, kind: type[Exception], line: str, files: list[Path]) -> None:
    images, plan = images_of(files, Refusing(how)), BatchPlan(83, 8, seed=3)
    with closing(RingLoader(images, plan, 1)) as loader, pytest.raises(kind, match=line):
        list(loader)


def test_a_ring_is_written_and_read_in_any_process() -> None:
    form = Form(3, 5, 2, (3, 4, 4), "float32")
    assert form.image_bytes == 4096 and form.slot_bytes == 8192
    ring = Ring(form)
    for slot in range(3):
        ring.images(slot, 4)[:] = slot + 0.5
        ring.indices(slot, 5)[:] = slot
        ring.labels(slot, 5)[:] = 10 + slot
    for slot in range(3):
        assert ring.images(slot, 4).shape == (2, 4, 3, 4, 4)
        assert np.all(ring.images(slot, 4) == slot + 0.5)
        assert ring.indices(slot, 5).tolist() == [slot] * 5
        assert ring.labels(slot, 2).tolist() == [10 + slot] * 2
    ring.close()
    ring.close()


def test_a_part_is_made_in_its_place(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    ring = Ring(form_of(images, plan, 1))
    ring.indices(0, 8)[:] = np.arange(8) + 38
    (broken,) = make_part(images, ring, Part(epoch=2, slot=0, total=8, first=2, last=5))
    assert broken.image == 40
    expected, labels, _ = images.make(2, np.arange(40, 43))
    assert np.array_equal(ring.images(0, 8)[0, 2:5], expected)
    assert not ring.images(0, 8)[0, [0, 1, 5, 6, 7]].any()
    assert ring.labels(0, 8).tolist() == [0, 0, *labels, 0, 0, 0]


@pytest.mark.parametrize("workers", [1, 2, 14, 32])
@pytest.mark.parametrize("batch", [1, 8, 83, 256, 20_000])
def test_pipes_have_room_for_all_parts(workers: int, batch: int, files: list[Path]) -> None:
    """65,536 bytes are what Linux gives a pipe."""
    images = TrainingSet(LabelledImages(np.zeros(20_000, np.int64), 224, files=files), Method(), seed=0, flip=True)
    form = form_of(images, BatchPlan(20_000, batch, seed=0), workers)
    parts = form.slots * -(-form.rows // loading.part_size(images, form.rows))
    assert parts >= 2 * workers
    assert (parts + workers) * 24 < 65_536
