"""PixMix over a data set, as a function of (seed, epoch, index): the same tensors for any number of workers."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, get_worker_info

from mixset._common.arguments import is_map_style
from mixset._common.errors import InputError
from mixset._common.memory import keep_freed_memory

from .._common.distributed import rank_and_count
from .._common.images import stack
from .._common.keyed import torch_generator_kept, torch_seeds
from .._engines import find_engine
from .draws import Key, draw
from .pools import LazyPool, Source
from .sampler import ItemKey, passed_epoch
from .settings import PixMixSettings

Crop = Callable[[Sequence[Any], Key, np.ndarray], np.ndarray]
"""(images, key, indices) → (N, H, W, 3) uint8, as `crop_and_flip` and `random_resized_crop` of `crops` do."""


class PixMixDataset(Dataset):
    """A data set of (image, label, ...) with PixMix done to its images: (3, H, W) float32 tensors in [0, 1].

    An item depends on (seed, epoch, index) alone. What the data set itself draws from torch's generator does so, too:
    it runs under a seed of that item, and the generator is put back.

    The epoch comes with the keys of an `EpochSampler`, through `Subset` and `ConcatDataset`, too. Under any other
    sampler (`shuffle=True`, `DistributedSampler`) it is counted, for all workers together: an item that is asked for
    by its index alone is that of epoch 0 the first time, of epoch 1 the second time, and so on. Several processes
    count apart and take turns in the epochs, so that no image comes again. `set_epoch` sets the count. Only where an
    epoch is broken off while workers are ahead of it does the count depend on how far they came.

    Args:
        dataset: gives PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays, of one size unless `crop` cuts.
        mixing_set: a folder of images or shards, several folders, a `MixingSet` or a `MixingPool`.
        seed: of everything drawn.
        settings: PixMix's.
        size: S or (H, W) of the images that are mixed; default: that of the first one.
        weights: how often each of several folders is drawn; default: as it has images.
        crop: what to do to the images first, for example `pixmix._augment.crops.crop_and_flip`.
        engine: of `pixmix._engines.ENGINES`.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or an image has another size or type.
    """

    def __init__(
        self,
        dataset: Dataset,
        mixing_set: Source,
        *,
        seed: int,
        settings: PixMixSettings | None = None,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        crop: Crop | None = None,
        engine: str = "numba",
    ) -> None:
        if not is_map_style(dataset):
            raise InputError(f"dataset: one with items by number and a length is needed, got {type(dataset).__name__}")
        if not len(dataset):
            raise InputError("dataset: has no items")
        if settings is not None and not isinstance(settings, PixMixSettings):
            raise InputError(f"settings: PixMixSettings are needed, got {type(settings).__name__}")
        if crop is not None and not callable(crop):
            raise InputError(f"crop: a function is needed, got {type(crop).__name__}")
        self.dataset, self.crop, self.engine = dataset, crop, engine
        self.settings = settings or PixMixSettings()
        self.seed = Key(seed).seed
        # Shared with loader workers: whether the epoch was set and to what, and how often each item was asked for.
        self._set = torch.tensor([False, 0], dtype=torch.int64).share_memory_()
        self._asked = torch.zeros(len(dataset), dtype=torch.int16).share_memory_()
        self._processes = (0, 1)
        find_engine(engine)
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is not forked has no process group to ask.
        return {**self.__dict__, "_processes": self._find_processes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set.share_memory_()
        self._asked.share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """The epoch of items that are next asked for by their index alone, in all workers."""
        self._set[:] = torch.tensor([True, Key(self.seed, epoch).epoch])
        self._asked.zero_()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Any) -> tuple[Any, ...]:
        """The item of an index, or of (epoch, index)."""
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The items of a batch, in one call of the engine for each epoch in it."""
        if get_worker_info() is not None:
            keep_freed_memory()  # images of some hundred pixels are decoded a third faster
        passed = passed_epoch()
        pairs = [self._locate(key, passed) for key in keys]
        items: list[tuple[Any, ...]] = [()] * len(pairs)
        for epoch in sorted({epoch for epoch, _ in pairs}):
            indices = [index for index, pair in enumerate(pairs) if pair[0] == epoch]
            made = self._make(Key(self.seed, epoch), np.array([pairs[index][1] for index in indices], np.int64))
            for index, item in zip(indices, made, strict=True):
                items[index] = item
        return items

    def _locate(self, key: Any, passed: int | None) -> tuple[int, int]:
        """Epoch and index, from 0 on, of a key; `passed` is the epoch of one that became an index on its way here."""
        epoch, number = key if isinstance(key, tuple | ItemKey) and len(tuple(key)) == 2 else (passed, key)
        try:
            number, epoch = operator.index(number), None if epoch is None else operator.index(epoch)
        except TypeError:
            raise InputError(f"item: an index or (epoch, index) is needed, got {key!r}") from None
        count = len(self)
        if not -count <= number < count:
            raise IndexError(f"item {number} of a data set of {count}")
        return (self._count(number % count) if epoch is None else epoch), number % count

    def _count(self, index: int) -> int:
        """The epoch of an item that is asked for by its index alone, one more each time."""
        if index >= len(self._asked):
            raise InputError(f"dataset: has grown from {len(self._asked)} to {len(self)} items; wrap it anew")
        asked, (told, first) = self._asked.numpy(), self._set.tolist()
        times = int(asked[index])
        asked[index] = (times + 1) % 2**15
        if told and not times:
            return first
        rank, world = self._find_processes()
        return (first + times * world + rank) % 2**32

    def _find_processes(self) -> tuple[int, int]:
        found = rank_and_count()
        return found if found[1] > 1 else self._processes

    def _make(self, key: Key, indices: np.ndarray) -> list[tuple[Any, ...]]:
        samples = self._read(key, indices)
        images = self._cut([sample[0] for sample in samples], key, indices)
        pool = self._pool.get((images.shape[1], images.shape[2]))
        draws = draw(self.settings, key, indices, pool)
        mixing_images = None if pool is None else pool.images
        mixed = torch.from_numpy(find_engine(self.engine)(images, mixing_images, draws))
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

    def _cut(self, images: list[Any], key: Key, indices: np.ndarray) -> np.ndarray:
        return stack(images) if self.crop is None else self.crop(images, key, indices)
