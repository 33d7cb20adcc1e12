"""PixMix over a data set, as a function of (seed, epoch, index): the same tensors for any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler, get_worker_info

from mixset.errors import InputError
from mixset.memory import keep_freed_memory

from . import philox
from .draws import Key, draw
from .engines import find_engine
from .keyed import torch_generator_kept, torch_seeds
from .pictures import stack
from .pools import LazyPool, Source
from .settings import PixMixSettings

Crop = Callable[[Sequence[Any], Key, np.ndarray], np.ndarray]
"""(pictures, key, indices) → (N, H, W, 3) uint8, as `crop_and_flip` and `random_resized_crop` in `pixmix.crops`."""


class PixMixDataset(Dataset):
    """A data set of (picture, label, ...) with PixMix done to its pictures: (3, H, W) float32 tensors in [0, 1].

    An item depends on (seed, epoch, index) alone. What the data set itself draws from torch's generator does so, too:
    it runs under a seed of that item, and the generator is put back. Take items in the order of an `EpochSampler`,
    which carries the epoch to the workers; with any other sampler call `set_epoch` before each epoch.

    Args:
        dataset: gives PIL images, (C, H, W) uint8 tensors or (H, W, C) uint8 arrays, of one size unless `crop` cuts.
        mixing_set: a folder of pictures or shards, several folders, a `MixingSet` or a `MixingPool`.
        seed: of everything drawn.
        settings: PixMix's.
        size: S or (H, W) of the pictures that are mixed; default: that of the first one.
        weights: how often each of several folders is drawn; default: as it has pictures.
        crop: what to do to the pictures first, for example `pixmix.crops.crop_and_flip`.
        engine: of `pixmix.engines.ENGINES`.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or a picture has another size or type.
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
        self.dataset, self.crop, self.engine = dataset, crop, engine
        self.settings = settings or PixMixSettings()
        self.seed = Key(seed).seed
        # Shared with loader workers, for those that persist would not see a plain number change.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        find_engine(engine)
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """The epoch of items that are asked for by their index alone, from now on and in all workers."""
        self._epoch.fill_(Key(self.seed, epoch).epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Any, ...]:
        """The item of an index, or of (epoch, index)."""
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: Sequence[int | tuple[int, int]]) -> list[tuple[Any, ...]]:
        """The items of a batch, in one call of the engine for each epoch in it."""
        if get_worker_info() is not None:
            keep_freed_memory()  # pictures of some hundred pixels are decoded a third faster
        current = int(self._epoch)
        pairs = [(current, key) if isinstance(key, int | np.integer) else key for key in keys]
        items: list[tuple[Any, ...]] = [()] * len(pairs)
        for epoch in sorted({epoch for epoch, _ in pairs}):
            places = [place for place, pair in enumerate(pairs) if pair[0] == epoch]
            made = self._make(Key(self.seed, int(epoch)), [int(pairs[place][1]) for place in places])
            for place, item in zip(places, made, strict=True):
                items[place] = item
        return items

    def _make(self, key: Key, numbers: list[int]) -> list[tuple[Any, ...]]:
        count = len(self)
        for number in numbers:
            if not -count <= number < count:
                raise IndexError(f"item {number} of a data set of {count}")
        indices = np.array(numbers, np.int64) % count
        samples = self._read(key, indices)
        pictures = self._cut([sample[0] for sample in samples], key, indices)
        pool = self._pool.get((pictures.shape[1], pictures.shape[2]))
        draws = draw(self.settings, key, indices, pool)
        mixing_pictures = None if pool is None else pool.pictures
        mixed = torch.from_numpy(find_engine(self.engine)(pictures, mixing_pictures, draws))
        return [(picture, *sample[1:]) for picture, sample in zip(mixed, samples, strict=True)]

    def _read(self, key: Key, indices: np.ndarray) -> list[tuple[Any, ...]]:
        with torch_generator_kept():
            samples = []
            for index, seed in zip(indices.tolist(), torch_seeds(key, indices), strict=True):
                torch.default_generator.manual_seed(seed)
                sample = self.dataset[index]
                if not isinstance(sample, tuple | list) or not sample:
                    raise InputError(f"data set: items of (picture, label) are needed, got {type(sample).__name__}")
                samples.append(tuple(sample))
        return samples

    def _cut(self, pictures: list[Any], key: Key, indices: np.ndarray) -> np.ndarray:
        return stack(pictures) if self.crop is None else self.crop(pictures, key, indices)


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A random order of `count` items, (count,) int64: a function of the arguments and nothing else."""
    words = philox.words(Key(seed, epoch), np.arange(count), philox.SHUFFLE, 2).astype(np.uint64)
    return np.argsort(words[:, 0] | (words[:, 1] << np.uint64(32)), kind="stable")


class EpochSampler(Sampler[tuple[int, int]]):
    """The (epoch, index) of each item of an epoch, once over all processes, in an order of (seed, epoch) alone.

    The processes take turns, so their shares differ by at most one item: none is repeated or left out.

    Args:
        count: how many items the data set has.
        seed: of the order.
        rank, ranks: this process's number and how many there are.
        shuffle: False for the order of the data set.

    Raises:
        InputError: a number is out of range.
    """

    def __init__(self, count: int, *, seed: int, rank: int = 0, ranks: int = 1, shuffle: bool = True) -> None:
        if count < 1 or not 0 <= rank < ranks:
            raise InputError(f"sampler: rank {rank} of {ranks} over {count} items")
        self.count, self.key, self.rank, self.ranks, self.shuffle = count, Key(seed, 0), rank, ranks, shuffle
        self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """The next iteration is this epoch's, without the first `start` items of this process's share."""
        if start < 0:
            raise InputError(f"start: a whole number from 0 on is needed, got {start}")
        self.key, self.start = Key(self.key.seed, epoch), start

    def __len__(self) -> int:
        return max(len(range(self.rank, self.count, self.ranks)) - self.start, 0)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        epoch = self.key.epoch
        order = epoch_order(self.count, seed=self.key.seed, epoch=epoch) if self.shuffle else np.arange(self.count)
        for index in order[self.rank :: self.ranks][self.start :].tolist():
            yield epoch, index
