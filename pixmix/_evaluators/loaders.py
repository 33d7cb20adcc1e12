"""The images of a user's DataLoader or Dataset, in the forms in which they come, as arrays for a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, IterableDataset

from mixset._common.errors import InputError

from .._common.images import stack


class LoaderImages:
    """Each image of a DataLoader once, as its `collate_fn` gives it, in the order of the data set.

    In what order or in what batches the loader would bring them, and whether it would drop the last ones, is of no
    account; a sampler that chooses some of them is.

    Raises:
        InputError: its length is not known, its sampler draws images several times, or it is one process's share.
    """

    def __init__(self, loader: DataLoader) -> None:
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            raise InputError("data: a DataLoader of batches is needed, and a data set with a length and indices")
        if isinstance(loader.sampler, DistributedSampler):
            raise InputError(
                "data: the DataLoader has a DistributedSampler, but evaluate itself divides the images among the "
                "processes; give a loader without one"
            )
        own = type(loader.batch_sampler) is BatchSampler
        drawn = list(loader.sampler if own else chain.from_iterable(loader.batch_sampler))
        if not all(isinstance(index, int | np.integer) for index in drawn):
            raise InputError("data: the DataLoader's sampler must give whole numbers, the indices of images")
        if drawn and (most := Counter(drawn).most_common(1)[0])[1] > 1:
            raise InputError(f"data: the DataLoader's sampler draws image {most[0]} {most[1]} times; leave it out")
        self.dataset, self.collate, self.indices = loader.dataset, loader.collate_fn, sorted(map(int, drawn))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        batch = self.collate([self.dataset[self.indices[index]]])
        if (
            not isinstance(batch, list | tuple)
            or len(batch) != 2
            or any(not hasattr(part, "__len__") for part in batch)
        ):
            raise InputError(f"data: batches of the DataLoader must be (images, labels), got {type(batch).__name__}")
        images, labels = batch
        if len(images) != 1 or len(labels) != 1:
            raise InputError(f"data: of one image the DataLoader makes {len(images)}; give one that makes one")
        return images[0], labels[0]


def as_batch(images: Sequence[Any]) -> np.ndarray:
    """Images of one size as (N, H, W, 3): uint8, or float32 in [0, 1] where that is what they are.

    Args:
        images: what `pixmix._common.images.stack` takes; also (H, W, C) tensors, and floats in place of uint8.

    Raises:
        InputError: one is no image, their sizes differ, or floats lie outside [0, 1].
    """
    arrays = [_channels_last(image) for image in images]
    if not any(isinstance(array, np.ndarray) and array.dtype.kind == "f" for array in arrays):
        return stack(arrays)
    if any(not isinstance(array, np.ndarray) or array.shape != arrays[0].shape for array in arrays):
        raise InputError("data: images of one size and type are needed in a batch; crop or resize them first")
    batch = np.stack(arrays).astype(np.float32)
    low, high = float(batch.min()), float(batch.max())
    if not 0 <= low <= high <= 1:
        raise InputError(
            f"data: float images must lie in [0, 1], these run from {low:.3g} to {high:.3g}; divide bytes by 255, "
            "leave Normalize out of the transform and wrap the network: pixmix.Normalized(network, mean, std)"
        )
    if batch.ndim != 4 or batch.shape[3] not in (1, 3):
        raise InputError(f"data: images need 1 or 3 channels, got shape {tuple(images[0].shape)}")
    return np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch


def _channels_last(image: Any) -> Any:
    """A tensor of three axes as an array with its channels last (bfloat16 as float32); anything else unchanged."""
    if not isinstance(image, torch.Tensor) or image.ndim != 3:
        return image
    if image.shape[0] in (1, 3) or image.shape[2] not in (1, 3):
        image = image.permute(1, 2, 0)
    image = image.detach().cpu()
    return image.float().numpy() if image.is_floating_point() else image.numpy()
