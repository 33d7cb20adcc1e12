"""The order of an epoch's items, and the keys that carry the epoch to whoever reads them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from mixset._common.arguments import check_flag, check_whole
from mixset._common.errors import InputError

from .._common import philox
from .._common.distributed import rank_and_count
from .._common.philox import Key


class ItemKey:
    """The epoch and the index of an item, as `EpochSampler` gives them: equal to that pair, and unpacked like it.

    What stands between the sampler and a `PixMixDataset` may take it for a number. `ConcatDataset` subtracts from it
    and gets a key. `Subset` looks its own index up by it and hands that on, a plain number; so whenever a key is taken
    as an index, its epoch is left in the thread, where the `PixMixDataset` behind takes it (`passed_epoch`).
    """

    __slots__ = ("epoch", "index")

    def __init__(self, epoch: int, index: int) -> None:
        self.epoch, self.index = epoch, index

    def __iter__(self) -> Iterator[int]:
        return iter((self.epoch, self.index))

    def __index__(self) -> int:
        _passing.epoch = self.epoch
        return self.index

    def __sub__(self, other: int) -> ItemKey:
        return ItemKey(self.epoch, self.index - other)

    def __add__(self, other: int) -> ItemKey:
        return ItemKey(self.epoch, self.index + other)

    __radd__ = __add__

    def __lt__(self, other: int) -> bool:
        return self.index < other

    def __le__(self, other: int) -> bool:
        return self.index <= other

    def __gt__(self, other: int) -> bool:
        return self.index > other

    def __ge__(self, other: int) -> bool:
        return self.index >= other

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ItemKey | tuple):
            return tuple(self) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


_passing = threading.local()


def passed_epoch() -> int | None:
    """The epoch of the key that was last taken as an index in this thread since this was asked; None without one."""
    epoch = getattr(_passing, "epoch", None)
    _passing.epoch = None
    return epoch


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A random order of `count` items, (count,) int64: a function of the arguments and nothing else."""
    words = philox.words(Key(seed, epoch), np.arange(count), philox.SHUFFLE, 2).astype(np.uint64)
    return np.argsort(words[:, 0] | (words[:, 1] << np.uint64(32)), kind="stable")


class EpochSampler(Sampler[ItemKey]):
    """The (epoch, index) of each item of an epoch, over all processes, in an order of (seed, epoch) alone.

    The processes take turns and have equally many items, so that they take equally many steps: as in torch's
    `DistributedSampler`, the first items of the order are dealt out again to those that would lack one. Each iteration
    is the epoch that was set, or the one after the last.

    Args:
        count: how many items the data set has.
        seed: of the order.
        num_replicas: how many processes there are; default: as `torch.distributed` has it, 1 where it is not in use.
        rank: this process's number among them; default: likewise.
        shuffle: False for the order of the data set.
        drop_last: leave out the last items of the order where they do not suffice for all processes.

    Raises:
        InputError: a number is out of range, or no item is left for a process.
    """

    def __init__(
        self,
        count: int,
        *,
        seed: int,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        drop_last: bool = False,
    ) -> None:
        own, world = rank_and_count()
        self.count, self.key = check_whole("count", count, low=1, high=2**31 - 1), Key(seed)
        self.num_replicas = check_whole(
            "num_replicas", world if num_replicas is None else num_replicas, low=1, high=2**20
        )
        self.rank = check_whole("rank", own if rank is None else rank, low=0, high=self.num_replicas - 1)
        self.shuffle, self.drop_last = check_flag("shuffle", shuffle), check_flag("drop_last", drop_last)
        self.start, self._begun = 0, False
        self.share = count // self.num_replicas if drop_last else -(-count // self.num_replicas)
        """How many items of an epoch each process has."""
        if not self.share:
            raise InputError(f"sampler: {count} items do not suffice for {self.num_replicas} processes with drop_last")

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """The next iteration is this epoch's, without the first `start` items of this process's share."""
        self.key, self.start = Key(self.key.seed, epoch), check_whole("start", start, low=0, high=2**32)
        self._begun = False

    def __len__(self) -> int:
        return max(self.share - self.start, 0)

    def __iter__(self) -> Iterator[ItemKey]:
        if self._begun:
            self.set_epoch((self.key.epoch + 1) % 2**32)
        self._begun = True
        epoch = self.key.epoch
        order = epoch_order(self.count, seed=self.key.seed, epoch=epoch) if self.shuffle else np.arange(self.count)
        dealt = np.resize(order, self.share * self.num_replicas)  # cut off, or begun again
        for index in dealt[self.rank :: self.num_replicas][self.start :].tolist():
            yield ItemKey(epoch, index)
