"""Batches: each image once an epoch over all processes, the same whatever the number of workers."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch.utils.data import DataLoader

from mixset._common.children import loader_worker
from mixset._common.errors import InputError
from pixmix._augment.sampler import epoch_order
from pixmix.methods import make_method
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.datasets import load_data
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.broken import BrokenImages
from pixmix.train._training.loader import training_loader


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 16), st.integers(1, 5), st.integers(0, 3))
def test_each_image_comes_once_an_epoch(count: int, size: int, world: int, epoch: int) -> None:
    plans = [BatchPlan(count, size, seed=1, rank=rank, world=world) for rank in range(world)]
    for plan in plans:
        plan.set_epoch(epoch)
    batches = [list(plan) for plan in plans]
    assert len({len(part) for part in batches}) == 1  # all take part in each step
    seen = []
    assert sum(map(plans[0].global_batch, range(plans[0].steps))) == count
    for step, parts in enumerate(zip(*batches, strict=True)):
        weights = [plan.weight(step) for plan in plans]
        whole = plans[0].global_batch(step)
        assert whole == min(size, count - step * size) or (step + 1) * size > count - 2 * world
        if count > size >= 2 * world:
            assert min(map(len, parts)) >= 2  # what batch normalisation needs
        for part, weight in zip(parts, weights, strict=True):
            assert all(key[0] == epoch for key in part)
            # What an image counts in the mean over processes of their mean losses: one of the batch's.
            if weight:
                assert weight / world / len(part) == pytest.approx(1 / whole)
                seen += [index for _, index in part]
        assert sum(weights) == pytest.approx(world)
    assert sorted(seen) == list(range(count))


@pytest.mark.parametrize(("count", "sizes"), [(24, [8, 8, 8]), (26, [8, 8, 8, 2]), (25, [8, 8, 9]), (1, [1]), (9, [9])])
def test_a_last_image_alone_goes_with_the_batch_before(count: int, sizes: list[int]) -> None:
    plan = BatchPlan(count, 8, seed=0)
    assert [len(batch) for batch in plan] == sizes
    order = epoch_order(count, seed=0, epoch=0).tolist()
    assert [index for batch in plan for _, index in batch] == order


def test_epochs_differ_and_a_start_skips() -> None:
    plan = BatchPlan(50, 8, seed=0)
    plan.set_epoch(0)
    first = list(plan)
    plan.set_epoch(1)
    assert [[index for _, index in batch] for batch in plan] != [[index for _, index in batch] for batch in first]
    plan.set_epoch(0, start=4)
    assert list(plan) == first[4:]
    assert len(plan) == len(first) - 4


@pytest.mark.parametrize("method", ["baseline", "cutout", "mix-input"])
def test_workers_do_not_change_what_is_made(colours: Path, method: str) -> None:
    data = load_data(f"folder:{colours}")
    made = make_method(method, classes=3, size=(16, 16), mean=data.mean, std=data.std)
    training_set = TrainingSet(data.train, made, seed=3, flip=True)
    runs = []
    for workers in (0, 2):
        plan = BatchPlan(len(training_set), 16, seed=3)
        loader = training_loader(training_set, plan, workers=workers)
        before = torch.get_rng_state()
        for epoch in range(2):
            plan.set_epoch(epoch)
            runs += [(workers, epoch, training_set.inputs(epoch, batch), batch) for batch in loader]
        assert torch.equal(before, torch.get_rng_state())
    alone, shared = ([run for run in runs if run[0] == workers] for workers in (0, 2))
    assert len(alone) == 6
    for (_, epoch, images, batch), (_, other, more, same) in zip(alone, shared, strict=True):
        assert epoch == other
        assert torch.equal(images, more)
        assert torch.equal(batch.labels, same.labels)
        assert torch.equal(batch.indices, same.indices)
    assert not torch.equal(alone[0][2], alone[3][2])


@pytest.mark.parametrize("size", [16, 96])
@pytest.mark.parametrize("method", ["baseline", "cutout", "mix-input", "augmix", "autoaugment"])
def test_tensors_are_made_as_arrays_are(colours: Path, method: str, size: int) -> None:
    """Images in memory, which lie on the device and are cropped there, and those that workers read and crop."""
    data = load_data(f"folder:{colours}", size=size)
    made = make_method(method, classes=3, size=(size, size), mean=data.mean, std=data.std)
    indices, both = np.arange(40)[::-1].copy(), []
    for tensors in (False, True):
        images = TrainingSet(data.train, made, seed=3, flip=True, tensors=tensors)
        batch = images.batch(5, indices)
        both.append(images.inputs(5, batch).numpy())
        assert batch.labels.tolist() == data.train.labels[indices].tolist()
        if tensors and made.on_device:
            assert (batch.images is None) == (size == 16)
            assert batch.images is None or batch.images.dtype == torch.uint8
    assert both[0].shape == (40 * made.views, 3, size, size)
    assert np.mean(np.abs(both[0] - both[1]) > 1.001 / 255) <= 1e-4


class AtTheStep(PixMixMethod):
    """Mix Input whose images are made at their step."""

    in_loader = False


@pytest.mark.parametrize("workers", [0, 1])
def test_images_made_at_their_step_are_those_made_in_the_loader(colours: Path, workers: int) -> None:
    data = load_data(f"folder:{colours}")
    made = []
    for method in (PixMixMethod("mix-input"), AtTheStep("mix-input")):
        images = TrainingSet(data.train, method, seed=3, flip=True)
        plan = BatchPlan(len(images), 16, seed=3)
        plan.set_epoch(2)
        loader = training_loader(images, plan, workers=workers)
        batch = next(iter(loader))
        assert batch.images.dtype == (torch.float32 if method.in_loader else torch.uint8)
        made.append(images.inputs(2, batch))
    assert torch.equal(*made)


def test_large_images_are_cropped_at_random(tmp_path: Path) -> None:
    from PIL import Image

    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.effect_noise((200, 180), 90).convert("RGB").save(tmp_path / part / name / "x.png")
    data = load_data(f"folder:{tmp_path}", size=96)
    method = make_method("baseline", classes=2, size=(96, 96), mean=data.mean, std=data.std)
    images = TrainingSet(data.train, method, seed=0, flip=True)
    first, labels, *_ = images.batch(0, np.array([0, 1]))
    again, *_ = images.batch(0, np.array([1, 0]))
    later, *_ = images.batch(1, np.array([0, 1]))
    assert first.shape == (2, 3, 96, 96)
    assert labels.tolist() == [0, 1]
    assert torch.equal(first[0], again[1])
    assert not torch.equal(first, later)


def test_a_broken_image_gives_way_to_the_next_one_and_is_told_from_a_worker_too(tmp_path: Path) -> None:
    from PIL import Image

    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("RGB", (100, 100)).save(tmp_path / part / name / "x.png")
    data = load_data(f"folder:{tmp_path}", size=96)
    (tmp_path / "train" / "b" / "x.png").write_bytes(b"gone")
    method = make_method("baseline", classes=2, size=(96, 96), mean=data.mean, std=data.std)
    plan = BatchPlan(2, 2, seed=0)
    for workers in (0, 1):
        images = TrainingSet(data.train, method, seed=0, flip=True)
        loader = training_loader(images, plan, workers=workers)
        (batch,) = loader
        ((index, line, replaced),) = batch.broken
        assert (index, replaced) == (1, True)
        assert re.fullmatch(r"image .*b/x\.png: .*", line)
        assert batch.labels.tolist() == [0, 0]  # of the image that was read in its place
        for skip in (False, True):
            broken = BrokenImages(skip=skip, alone=True)
            with contextlib.nullcontext() if skip else pytest.raises(InputError, match=r"x\.png: .*`skip_broken`"):
                broken.take(batch.broken)
            assert broken.count == int(skip)
    (tmp_path / "train" / "a" / "x.png").write_bytes(b"gone")
    (batch,) = loader
    with pytest.raises(InputError, match=r"so are the 16 after it"):
        BrokenImages(skip=True, alone=True).take(batch.broken)


def test_a_loader_worker_heeds_the_trainer_alone() -> None:
    """Of SIGTERM and SIGUSR1; a worker that another process stopped would take the trainer with it."""
    loader: DataLoader = DataLoader(
        range(40), batch_size=None, num_workers=1, worker_init_fn=loader_worker(), prefetch_factor=2
    )
    items = iter(loader)
    assert next(items) == 0
    (worker,) = items._workers  # type: ignore[attr-defined]
    for number in ("TERM", "USR1"):
        subprocess.run(["kill", f"-{number}", str(worker.pid)], check=True)
    assert list(items) == list(range(1, 40))
    items = iter(loader)
    next(items)
    (worker,) = items._workers  # type: ignore[attr-defined]
    worker.terminate()
    worker.join(20)
    assert worker.exitcode == 0
