"""The loader with workers: the images of a loader without."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loader_samples import copied, equal, images_of
from PIL import Image

from mixset import MixingPool, MixingSet
from mixset._common import jpegs
from mixset._common.normalisation import HALF
from pixmix.methods import make_method
from pixmix.methods._base import Method
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.datasets import load_data
from pixmix.train._training import loader as loading
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.loader import Loader, RingLoader, training_loader


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
    assert len(rows) == 83  # one has no header to be decoded by; the next one is read twice
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
    with closing(RingLoader(images, plan, 2, 4)) as loader:
        assert equal(copied(loader), expected)
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


@pytest.mark.parametrize("epochs", [0, 3])
def test_the_next_epoch_is_begun_before_it_is_asked_for(epochs: int, files: list[Path]) -> None:
    """Of those that are to come; what comes otherwise is made anew."""
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 40, seed=3)
    expected = []
    for epoch in range(3):
        plan.set_epoch(epoch)
        expected.append(copied(Loader(images, plan)))
    with closing(RingLoader(images, plan, 2, epochs)) as loader:
        for epoch in range(3):
            plan.set_epoch(epoch)
            assert equal(copied(loader), expected[epoch])
            ahead = len(loader._out)
            assert ahead == (min(plan.steps * (2 - epoch), loader.ring.form.slots - 1) if epochs else 0)
        plan.set_epoch(0)
        assert equal(copied(loader), expected[0])
        plan.set_epoch(2, 1)
        assert equal(copied(loader), expected[2][1:])


@pytest.mark.slow
def test_spawned_workers_make_the_same(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS starts them: the ring's memory is handed over, not inherited."""
    images, plan = images_of(files, Method(), tensors=True), BatchPlan(83, 40, seed=3)
    spawn = multiprocessing.get_context("spawn")
    monkeypatch.setattr(loading.multiprocessing, "get_context", lambda: spawn)
    with closing(RingLoader(images, plan, 1)) as loader:
        assert equal(copied(loader), copied(Loader(images, plan)))


def test_images_in_memory_are_made_by_workers_too(colours: Path) -> None:
    data = load_data(f"folder:{colours}")
    images, plan = TrainingSet(data.train, Method(), seed=0, flip=True), BatchPlan(45, 16, seed=0)
    with closing(training_loader(images, plan, workers=1)) as loader:
        assert isinstance(loader, RingLoader)
        assert equal(copied(loader), copied(Loader(images, plan)))
    resident = TrainingSet(data.train, Method(), seed=0, flip=True, tensors=True)
    assert type(training_loader(resident, plan, workers=4)) is Loader
