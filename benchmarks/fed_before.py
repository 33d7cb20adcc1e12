"""The test after each epoch as it was up to 0.2, for `benchmarks/fed.py`: by processes that are started for it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mixset._common.children import loader_worker
from pixmix._evaluators.forwarding import scaled
from pixmix.train._data.labelled import LabelledImages
from pixmix.train._training.testing import EpochTest


class StartingTest(EpochTest):
    """The test by processes that are started for it."""

    @torch.no_grad()
    def error(self) -> tuple[float, bool]:
        training, wrong = self.training, 0
        training.writer.join()
        loader = DataLoader(
            Batches(self.share, training.config.eval_batch_size),
            batch_size=None,
            num_workers=training.workers,
            worker_init_fn=loader_worker(),
        )
        for images, labels in loader:
            wrong += int((training.network(scaled(images)).argmax(1) != labels).sum())
        return wrong / len(self.share), False


class Batches(Dataset):
    """A set's images in its own order, a batch an item."""

    def __init__(self, images: LabelledImages, size: int) -> None:
        self.images, self.size = images, size

    def __len__(self) -> int:
        return -(-len(self.images) // self.size)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        indices = range(len(self.images))[number * self.size :][: self.size]
        images, labels = zip(*(self.images[index] for index in indices), strict=True)
        return torch.from_numpy(np.stack(images)), torch.tensor(labels)
