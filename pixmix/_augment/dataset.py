"""PixMix over a data set as a function of (seed, epoch, index): the same tensors for any number of workers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np
import torch
from torch.utils.data import Dataset

from mixset._common.arguments import is_map_style
from mixset._common.errors import InputError

from .._common.distributed import rank_and_world
from .._common.images import stack
from .._common.keyed import torch_generator_kept, torch_seeds
from .._engines import find_engine
from .draws import Key
from .mixing import mix_arrays
from .pools import LazyPool, MixingSource
from .sampler import ItemKey, keys_asked_for
from .settings import PixMixSettings, SettingsKeywords

Crop = Callable[[Sequence[Any], Key, np.ndarray], np.ndarray]
"""A function (images, key, indices) → (N, H, W, 3) uint8, such as `crop_and_flip` and `random_resized_crop`."""


class PixMixDataset(Dataset):
    """A data set of (image, label, ...) with PixMix applied to its images: (3, H, W) float32 tensors in [0, 1].

    An item depends only on (seed, epoch, index). So do random numbers that the wrapped data set draws from torch's
    generator, which is seeded for each item and restored afterwards.

    The epoch is part of the keys of an `EpochSampler`, which also pass through `Subset` and `ConcatDataset`. With any
    other sampler (`shuffle=True`, `DistributedSampler`) epochs are counted per item, over all workers: an item
    requested by its index alone is that of epoch 0 the first time, of epoch 1 the second time, and so on. The processes
    of a distributed run count separately and interleave their epochs, so that no augmented image repeats. `set_epoch`
    sets the count. If an epoch is interrupted, its count depends on how many items the workers have prefetched.

    Args:
        dataset: a map-style data set of PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays, of one size
            unless `crop` makes them so.
        mixing_set: a folder of images or shards, several folders, a `MixingSet` or a `MixingPool`.
        seed: the seed of all random numbers, 0 to 2**64 − 1.
        size: S or (H, W) of the mixed images in pixels; default: that of the first image.
        weights: how often each of several folders is drawn, relative to the others; default: its number of images.
        crop: applied to the images first, for example `crop_and_flip`.
        engine: the engine that mixes, "numba", "pillow" or "torch".
        settings: the fields of `PixMixSettings` as keywords: k, beta, aug_severity, all_ops, mixings and partner.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or an image has another size or dtype.

    Example:
        >>> import torch
        >>> import pixmix
        >>> plain = [(torch.zeros(3, 32, 32, dtype=torch.uint8), label) for label in range(4)]
        >>> images = pixmix.PixMixDataset(plain, "my-set", seed=0)
        >>> image, label = images[1, 3]  # epoch 1, index 3
        >>> torch.equal(image, images[1, 3][0]), label
        (True, 3)
    """

    def __init__(
        self,
        dataset: Dataset,
        mixing_set: MixingSource,
        *,
        seed: int,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        crop: Crop | None = None,
        engine: str = "numba",
        **settings: Unpack[SettingsKeywords],
    ) -> None:
        if not is_map_style(dataset):
            raise InputError(
                f"dataset: a map-style data set is needed (items by index, length), got {type(dataset).__name__}"
            )
        if not len(dataset):
            raise InputError("dataset: has no items")
        if crop is not None and not callable(crop):
            raise InputError(f"crop: a function is needed, got {type(crop).__name__}")
        self.dataset, self.crop, self.engine = dataset, crop, engine
        self.settings = PixMixSettings(**settings)
        self.seed = Key(seed).seed
        # Shared with loader workers: whether the epoch was set and to what, and how often each item was requested.
        self._set = torch.tensor([False, 0], dtype=torch.int64).share_memory_()
        self._requests = torch.zeros(len(dataset), dtype=torch.int16).share_memory_()
        self._processes = (0, 1)
        find_engine(engine)
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def __getstate__(self) -> dict[str, Any]:
        # Workers that are not forked have no process group.
        return {**self.__dict__, "_processes": self._find_processes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set.share_memory_()
        self._requests.share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of items that are next requested by their index alone, in all workers."""
        self._set[:] = torch.tensor([True, Key(self.seed, epoch).epoch])
        self._requests.zero_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Any) -> tuple[Any, ...]:
        """The item with this index, or (epoch, index)."""
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The items of a batch, mixed in one call of the engine per epoch."""
        pairs = [self._locate(key, epoch) for key, epoch in zip(keys, _epochs(keys), strict=True)]
        items: list[tuple[Any, ...]] = [()] * len(pairs)
        for epoch in sorted({epoch for epoch, _ in pairs}):
            indices = [index for index, pair in enumerate(pairs) if pair[0] == epoch]
            mixed = self._mix(Key(self.seed, epoch), np.array([pairs[index][1] for index in indices], np.int64))
            for index, item in zip(indices, mixed, strict=True):
                items[index] = item
        return items

    def _locate(self, key: Any, epoch: int | None) -> tuple[int, int]:
        """Epoch and index, from 0 on, of a key; `epoch` is that of one which has become a plain index on its way."""
        epoch, number = key if _is_pair(key) else (epoch, key)
        try:
            number, epoch = operator.index(number), None if epoch is None else operator.index(epoch)
        except TypeError:
            raise InputError(f"item: an index or (epoch, index) is needed, got {key!r}") from None
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"item {number} of a data set of {count}")
        return (self._count(number % count) if epoch is None else epoch), number % count

    def _count(self, index: int) -> int:
        """The epoch of an item that is requested by its index alone, one higher each time."""
        if index >= len(self._requests):
            raise InputError(f"dataset: has grown from {len(self._requests)} to {len(self)} items; wrap it anew")
        requests, (is_set, first) = self._requests.numpy(), self._set.tolist()
        times = int(requests[index])
        requests[index] = (times + 1) % 2**15
        if is_set and not times:
            return first
        rank, world = self._find_processes()
        return (first + times * world + rank) % 2**32

    def _find_processes(self) -> tuple[int, int]:
        rank, world = rank_and_world()
        return (rank, world) if world > 1 else self._processes

    def _mix(self, key: Key, indices: np.ndarray) -> list[tuple[Any, ...]]:
        samples = self._read(key, indices)
        images = self._crop([sample[0] for sample in samples], key, indices)
        pool = self._pool.get((images.shape[1], images.shape[2]))
        mixed = torch.from_numpy(
            mix_arrays(images, key, indices, settings=self.settings, pool=pool, engine=self.engine)
        )
        return [(image, *sample[1:]) for image, sample in zip(mixed, samples, strict=True)]

    def _read(self, key: Key, indices: np.ndarray) -> list[tuple[Any, ...]]:
        with torch_generator_kept():
            samples = []
            for index, seed in zip(indices.tolist(), torch_seeds(key, indices), strict=True):
                torch.default_generator.manual_seed(seed)
                sample = self.dataset[index]
                if not isinstance(sample, tuple | list) or not sample:
                    raise InputError(f"dataset: items of (image, label) are needed, got {type(sample).__name__}")
                samples.append(tuple(sample))
        return samples

    def _crop(self, images: list[Any], key: Key, indices: np.ndarray) -> np.ndarray:
        return stack(images) if self.crop is None else self.crop(images, key, indices)


def _is_pair(key: Any) -> bool:
    return isinstance(key, tuple | ItemKey) and len(tuple(key)) == 2


def _epochs(keys: Sequence[Any]) -> list[int | None]:
    """The epochs of keys that have become plain indices in a wrapper; None of each that never had one."""
    asked = [] if all(map(_is_pair, keys)) else keys_asked_for()
    if len(asked) == len(keys):
        return [key.epoch for key in asked]
    epochs = {key.epoch for key in asked}
    if len(epochs) > 1:
        raise InputError("item: a batch of several epochs came one by one through a wrapper; give batches of one epoch")
    return [next(iter(epochs), None)] * len(keys)
