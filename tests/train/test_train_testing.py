"""The test after each epoch, by workers that stay from one to the next."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from loader_samples import CPU
from torch import Tensor, nn

from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import ImageSet
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._runs.processes import Processes
from pixmix.train._training.loader import Loader, RingLoader
from pixmix.train._training.testing import EpochTest, InOrder
from pixmix.train._training.writing import Writer


class Brightest(nn.Module):
    """Takes the channel with the largest mean for the class; keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.clone())
        return images.mean((2, 3))


def training_of(images: LabelledImages, workers: int, batch_size: int = 9, **changes: Any) -> Any:
    """As much of a training as its test looks at."""
    config = SimpleNamespace(test_amp=False, eval_precision="float32", eval_batch_size=batch_size, epochs=3)
    return SimpleNamespace(
        config=config,
        measured=Brightest(),
        data=SimpleNamespace(test=images),
        processes=Processes(device=CPU, **changes),
        device=CPU,
        workers=workers,
        writer=Writer(),
        epoch=0,
    )


@pytest.fixture
def whole(files: list[Path]) -> LabelledImages:
    """The images that can be read."""
    found = [*files[:40], *files[41:]]
    return LabelledImages(np.arange(len(found)) % 3, 64, files=found)


def expected(images: LabelledImages, batch_size: int) -> tuple[list[Tensor], float]:
    """The network's images by the reader of evaluations, and the error."""
    read = list(ImageSet(images.labelled).batches(batch_size))
    inputs = [torch.from_numpy(batch.images).permute(0, 3, 1, 2).float() / 255 for batch in read]
    wrong = [batch.mean((2, 3)).argmax(1).numpy() != one.labels for batch, one in zip(inputs, read, strict=True)]
    return inputs, float(np.concatenate(wrong).mean())


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_each_image_is_seen_once_in_order_at_every_test(workers: int, whole: LabelledImages) -> None:
    training = training_of(whole, workers)
    inputs, error = expected(whole, 9)
    assert 0 < error < 1
    tester = EpochTest(training)
    try:
        for epoch in range(3):
            training.epoch = epoch
            assert tester.error() == (pytest.approx(error), False)
            assert [len(batch) for batch in training.measured.seen] == [9] * 9 + [1]
            assert all(map(torch.equal, training.measured.seen, inputs))
            training.measured.seen.clear()
    finally:
        tester.close()


def test_workers_stay_and_have_begun_the_next_test(whole: LabelledImages) -> None:
    training = training_of(whole, 2)
    tester = EpochTest(training)
    tester.error()
    loader = tester.loader
    assert isinstance(loader, RingLoader)
    started = list(loader._processes)
    assert len(loader._out) == loader.ring.form.slots - 1
    training.epoch = 1
    tester.error()
    assert tester.loader is loader
    assert all(process.is_alive() for process in started)
    training.epoch = 2
    tester.error()
    assert not loader._out  # none comes after the last epoch
    tester.close()
    assert not any(process.is_alive() for process in started)


def test_images_in_memory_need_no_workers() -> None:
    chance = np.random.default_rng(0)
    array = chance.integers(0, 256, (20, 16, 16, 3)).astype(np.uint8)
    images = LabelledImages(np.arange(20) % 3, 16, array=array)
    training = training_of(images, 4)
    tester = EpochTest(training)
    assert tester.error()[0] == pytest.approx(expected(images, 9)[1])
    assert type(tester.loader) is Loader
    assert torch.equal(torch.cat(training.measured.seen), torch.cat(expected(images, 9)[0]))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_cannot_be_read_is_named(workers: int, files: list[Path]) -> None:
    images = LabelledImages(np.zeros(len(files), np.int64), 64, files=files)
    tester = EpochTest(training_of(images, workers))
    with pytest.raises(InputError, match=r"40\.jpg"):
        tester.error()
    tester.close()


def test_a_test_that_is_stopped_does_not_show_in_the_next(whole: LabelledImages) -> None:
    training = training_of(whole, 2)
    _, error = expected(whole, 9)
    tester = EpochTest(training)
    training.processes.stop.asked = True
    assert tester.error()[1]
    training.processes.stop.asked = False
    assert tester.error() == (pytest.approx(error), False)
    tester.close()


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (8, [8]), (9, [8, 1]), (16, [8, 8])])
def test_a_set_in_order_is_whole(count: int, sizes: list[int]) -> None:
    plan = InOrder(count, 8)
    parts = plan.parts(0, 0, plan.steps)
    assert [len(part) for part in parts] == sizes
    assert plan.most == sizes[0]
    assert np.concatenate(parts).tolist() == list(range(count))
