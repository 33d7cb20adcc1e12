"""Labelled images as users have them: DataLoaders and data sets of bytes, and of floats in [0, 1]."""

from __future__ import annotations

import os
from typing import Any

import evaluation_samples as samples
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
)
from torchvision.transforms import functional

import pixmix
from mixset._common.errors import InputError
from pixmix._evaluators.image_sets import read_ahead

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES, LABELS = samples.test_images(23)
CHANNELS_FIRST = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)
BYTES = TensorDataset(CHANNELS_FIRST, torch.from_numpy(LABELS))
FLOATS = TensorDataset(CHANNELS_FIRST.float() / 255, torch.from_numpy(LABELS))
SUITES = ["clean", "calibration", "adversaries"]


class Items(Dataset):
    """A data set of images in some form."""

    def __init__(self, form: Any) -> None:
        self.form = form

    def __len__(self) -> int:
        return len(LABELS)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.form(IMAGES[index]), int(LABELS[index])


class Stream(IterableDataset):
    def __iter__(self) -> Any:
        return iter(Items(Image.fromarray))


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return pixmix.evaluate(samples.network(), SUITES, (IMAGES, LABELS))


@pytest.mark.parametrize(
    "data",
    [
        DataLoader(BYTES, batch_size=5),
        DataLoader(BYTES, batch_size=7, shuffle=True, drop_last=True),
        DataLoader(TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS)), batch_size=4),
        DataLoader(FLOATS, batch_size=6, shuffle=True),
        DataLoader(Items(functional.to_tensor), batch_size=6),
        DataLoader(Items(np.array), batch_sampler=[[1, 0], [*range(2, 23)]]),
        Items(Image.fromarray),
        Items(lambda image: torch.from_numpy(image).permute(2, 0, 1)),
        Items(functional.to_tensor),
        Items(np.array),
        (CHANNELS_FIRST, LABELS),
        (CHANNELS_FIRST.float() / 255, torch.from_numpy(LABELS)),
    ],
)
def test_every_form_gives_what_the_array_gives(data: Any, expected: dict[str, Any]) -> None:
    assert pixmix.evaluate(samples.network(), SUITES, data, batch_size=9) == expected


def test_a_loaders_workers_read_it(expected: dict[str, Any]) -> None:
    loader = DataLoader(BYTES, batch_size=5, num_workers=2)
    assert pixmix.evaluate(samples.network(), "clean", loader, batch_size=9)["clean"] == expected["clean"]


@pytest.mark.parametrize(("batches", "workers", "readers"), [(1, 2, 0), (2, 3, 2), (5, 2, 2), (5, 0, 0)])
def test_no_worker_is_started_that_has_nothing_to_read_ahead(batches: int, workers: int, readers: int) -> None:
    """A single batch is read by the process that waits for it."""
    found = list(read_ahead(lambda key: (key, os.getpid()), range(batches), workers))
    assert [key for key, _ in found] == list(range(batches))
    assert len({pid for _, pid in found} - {os.getpid()}) == readers


def test_a_sampler_that_chooses_is_followed() -> None:
    loader = DataLoader(BYTES, sampler=SubsetRandomSampler([4, 1, 20]))
    wanted = pixmix.evaluate(samples.network(), "clean", (IMAGES[[1, 4, 20]], LABELS[[1, 4, 20]]))
    assert pixmix.evaluate(samples.network(), "clean", loader) == wanted


NORMALISED = TensorDataset((CHANNELS_FIRST.float() / 255 - 0.5) / 0.25, torch.from_numpy(LABELS))
SOFT = TensorDataset(CHANNELS_FIRST, torch.eye(10)[torch.from_numpy(LABELS)])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            DataLoader(NORMALISED, batch_size=4),
            "must lie in .* run from -2 to 2; .* leave Normalize out",
        ),
        (DataLoader(TensorDataset(CHANNELS_FIRST.float(), BYTES.tensors[1])), "divide bytes by 255"),
        (DataLoader(TensorDataset(CHANNELS_FIRST.float() * torch.nan, BYTES.tensors[1])), "run from nan to nan"),
        (DataLoader(SOFT), "the label a whole number"),
        (DataLoader(TensorDataset(CHANNELS_FIRST)), r"batches of the DataLoader must be \(images, labels\)"),
        (DataLoader(Stream()), "a data set with a length"),
        (DataLoader(BYTES, batch_size=None), "a DataLoader of batches is needed"),
        (DataLoader(BYTES, sampler=RandomSampler(BYTES, replacement=True, num_samples=60)), "draws image .* times"),
        (DataLoader(BYTES, sampler=DistributedSampler(BYTES, 2, 0)), "give a loader without one"),
        (DataLoader(TensorDataset(CHANNELS_FIRST[:0], BYTES.tensors[1][:0])), "no image"),
        (Stream(), "a Stream has no length and no indices"),
        (iter([(IMAGES[0], 1)]), "no length and no indices"),
        ((IMAGES / 127, LABELS), r"must lie in \[0, 1\]"),
    ],
)
def test_what_cannot_be_measured_is_one_line(data: Any, line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        pixmix.evaluate(samples.network(), "clean", data)
    assert "\n" not in str(caught.value)


def test_torchs_generator_is_left_as_it_was() -> None:
    class Drawing(Items):
        def __getitem__(self, index: int) -> tuple[Any, int]:
            torch.rand(1)
            return super().__getitem__(index)

    torch.manual_seed(5)
    before = torch.get_rng_state()
    pixmix.evaluate(samples.network(), "clean", DataLoader(Drawing(functional.to_tensor), 7, shuffle=True))
    assert torch.equal(torch.get_rng_state(), before)
