"""Training sets of files and their batches, for tests of the loader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from pixmix.methods._base import Method
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._training.batches import Batch, TrainingSet
from pixmix.train._training.loader import Loader

CPU = torch.device("cpu")


def images_of(files: list[Path], method: Method, *, tensors: bool = False) -> TrainingSet:
    images = LabelledImages(np.arange(len(files)) % 5, 64, files=files)
    return TrainingSet(images, method, seed=3, flip=True, tensors=tensors)


def copied(batches: Iterator[Batch] | Loader) -> list[Batch]:
    """The batches, each with images of its own."""
    return [batch._replace(images=batch.images.clone()) for batch in batches if batch.images is not None]


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(mine.images, theirs.images)
        and mine.images.dtype == theirs.images.dtype
        and torch.equal(mine.labels, theirs.labels)
        and torch.equal(mine.indices, theirs.indices)
        and mine.broken == theirs.broken
        for mine, theirs in zip(one, other, strict=True)
    )
