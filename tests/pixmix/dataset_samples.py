"""A data set with randomness of its own, and what epochs of it hold."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from pixmix._augment.dataset import PixMixDataset
from pixmix._augment.sampler import EpochSampler


class Photographs(Dataset):
    """(image, label) with a random torchvision transform, whose randomness must be keyed, too."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.transform = v2.Compose([v2.ToImage(), v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=4)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), index % 10


def epochs(
    dataset: PixMixDataset, *, workers: int, batch: int = 8, start: str | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    sampler = EpochSampler(len(dataset), seed=4)
    loader = DataLoader(
        dataset,
        batch_size=batch,
        sampler=sampler,
        num_workers=workers,
        persistent_workers=workers > 0,
        multiprocessing_context=start if workers else None,
    )
    images, labels = [], []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for image, label in loader:
            images.append(image)
            labels.append(label)
    return torch.cat(images), torch.cat(labels)
