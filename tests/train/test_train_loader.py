"""The loader with workers: the images of a loader without, in memory that is made once and leaves nothing behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from processes_alive import wait_for

from mixset import MixingPool, MixingSet
from mixset._common import jpegs
from mixset._common.errors import InputError
from mixset._common.normalisation import HALF
from pixmix._augment.draws import Key
from pixmix.methods import make_method
from pixmix.methods._base import Method
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.datasets import load_data
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._runs import processes
from pixmix.train._training import loader as loading
from pixmix.train._training.batches import Batch, BatchPlan, TrainingSet
from pixmix.train._training.loader import Loader, RingLoader, form_of, training_loader
from pixmix.train._training.loader_worker import Part, make_part
from pixmix.train._training.ring import Form, Ring
from pixmix.train._training.waiting import Waiting, remedy

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """83 image files of several sizes and formats, of which one is broken."""
    folder, chance = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    found = []
    for number in range(83):
        sides = int(chance.integers(60, 120)), int(chance.integers(60, 120))
        pixels = chance.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        image = Image.fromarray(pixels).resize(sides, Image.Resampling.BICUBIC)
        found.append(folder / f"{number:02d}.{'png' if number % 7 == 0 else 'jpg'}")
        (image.convert("L") if number % 5 == 0 else image).save(found[-1])
    found[40].write_bytes(found[40].read_bytes()[:200])
    return found


def images_of(files: list[Path], method: Method, *, tensors: bool = False) -> TrainingSet:
    images = LabelledImages(np.arange(len(files)) % 5, 64, files=files)
    return TrainingSet(images, method, seed=3, flip=True, tensors=tensors)


def copied(batches: Iterator[Batch] | Loader) -> list[Batch]:
    """The batches, each with images of its own."""
    return [batch._replace(images=batch.images.clone()) for batch in batches if batch.images is not None]


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(mine.images, theirs.images)  # type: ignore[arg-type]
        and mine.images.dtype == theirs.images.dtype  # type: ignore[union-attr]
        and torch.equal(mine.labels, theirs.labels)
        and torch.equal(mine.indices, theirs.indices)
        and mine.broken == theirs.broken
        for mine, theirs in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "tensors"), [("baseline", True), ("pixmix", True), ("pixmix", False), ("augmix", False)]
)
def test_images_are_the_same_with_any_number_of_workers(
    name: str, tensors: bool, files: list[Path], mixing_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Crops for a device, float images of a method's views; parts of a batch, and the larger last batch of all."""
    monkeypatch.setattr(loading, "PART", 6)
    if name == "pixmix":
        method: Method = PixMixMethod("pixmix", pool=MixingPool(MixingSet(mixing_folder), 64, quiet=True))
    else:
        method = make_method(name, classes=5, size=(64, 64), mean=HALF, std=HALF)
    images, runs = images_of(files, method, tensors=tensors), []
    for workers in (0, 1, 3):
        plan = BatchPlan(len(images), 41, seed=3)  # 41 and 42
        with closing(training_loader(images, plan, workers=workers)) as loader:
            epochs = []
            for epoch, start in ((0, 0), (1, 1), (0, 0)):
                plan.set_epoch(epoch, start)
                epochs.append(copied(loader))
        assert [len(batches) for batches in epochs] == [2, 1, 2]
        assert equal(epochs[0], epochs[2])
        runs.append(epochs[0] + epochs[1])
    assert equal(runs[0], runs[1])
    assert equal(runs[0], runs[2])
    first = runs[0][0]
    assert first.images is not None
    assert first.images.shape == ((41, 64, 64, 3) if tensors else (41 * method.views, 3, 64, 64))
    assert [broken.image for batch in runs[0][:2] for broken in batch.broken] == [40]


def test_pillow_and_simplejpeg_make_the_same_batches(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which the latter decodes no more rows of an image than its crop needs."""
    pytest.importorskip("simplejpeg")
    rows: list[float] = []
    whole = jpegs.decode_jpeg

    def noted(image: Image.Image, **options: Any) -> np.ndarray | None:
        rows.append(options["needed"](image.height, image.width) / image.height)
        return whole(image, **options)

    monkeypatch.setattr("mixset._common.decoding.decode_jpeg", noted)
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 40, seed=3)
    fast = copied(Loader(images, plan))
    assert len(rows) == 83 + 1  # one is broken, and read again by Pillow alone; then there is the next
    assert 0.5 < np.mean(rows) < 0.95
    monkeypatch.setattr(jpegs, "simplejpeg", None)
    assert equal(copied(Loader(images, plan)), fast)


def test_ranks_share_the_images_of_one_process(files: list[Path]) -> None:
    images = images_of(files, Method(), tensors=True)
    parts = []
    for rank, world in ((0, 1), (0, 3), (1, 3), (2, 3)):
        plan = BatchPlan(len(files), 24, seed=3, rank=rank, world=world)
        with closing(training_loader(images, plan, workers=2)) as loader:
            parts.append(copied(loader))
    for step, whole in enumerate(parts[0]):
        assert whole.images is not None
        for rank in range(3):
            mine = parts[1 + rank][step]
            assert mine.images is not None
            assert torch.equal(mine.images, whole.images[rank::3])
            assert torch.equal(mine.labels, whole.labels[rank::3])


def test_a_ring_of_one_slot_suffices(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    expected = copied(Loader(images, plan))
    whole = loading.form_of
    monkeypatch.setattr(loading, "form_of", lambda *arguments: whole(*arguments)._replace(slots=1))
    with closing(RingLoader(images, plan, 2)) as loader:
        assert equal(copied(loader), expected)


def test_batches_that_are_kept_stay_until_the_next_is_asked_for(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    with closing(RingLoader(images, plan, 2)) as loader:
        for batch in loader:
            time.sleep(0.01)  # workers go on meanwhile
            assert batch.images is not None
            expected, labels, _ = images.make(0, batch.indices.numpy())
            assert np.array_equal(batch.images.numpy(), expected)
            assert np.array_equal(batch.labels.numpy(), labels)


def test_an_iteration_that_was_left_does_not_show_in_the_next(files: list[Path]) -> None:
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 8, seed=3)
    expected = copied(Loader(images, plan))
    with closing(RingLoader(images, plan, 2)) as loader:
        for taken in (1, 3):
            for number, _ in enumerate(loader, 1):
                if number == taken:
                    break
        assert equal(copied(loader), expected)


@pytest.mark.slow
def test_spawned_workers_make_the_same(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS starts them: the ring's memory is handed over, not inherited."""
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 40, seed=3)
    spawn = multiprocessing.get_context("spawn")
    monkeypatch.setattr(loading.multiprocessing, "get_context", lambda: spawn)
    with closing(RingLoader(images, plan, 1)) as loader:
        assert equal(copied(loader), copied(Loader(images, plan)))


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
    (broken,) = make_part(images, ring, Part(epoch=2, slot=0, count=8, first=2, last=5))
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


def test_images_in_memory_are_made_by_workers_too(colours: Path) -> None:
    data = load_data(f"folder:{colours}")
    images, plan = TrainingSet(data.train, Method(), seed=0, flip=True), BatchPlan(45, 16, seed=0)
    with closing(training_loader(images, plan, workers=1)) as loader:
        assert isinstance(loader, RingLoader)
        assert equal(copied(loader), copied(Loader(images, plan)))
    resident = TrainingSet(data.train, Method(), seed=0, flip=True, tensors=True)
    assert type(training_loader(resident, plan, workers=4)) is Loader


def test_workers_are_chosen_by_cores_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "usable_cores", lambda: 16)
    gpu = torch.device("cuda", 0)
    assert processes.loader_workers(None, CPU) == 2
    assert processes.loader_workers(None, gpu) == 15
    assert processes.loader_workers(5, gpu) == processes.loader_workers(5, CPU) == 5
    assert processes.loader_workers(0, gpu) == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert processes.loader_workers(None, gpu) == 3
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
