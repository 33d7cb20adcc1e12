"""The order of the items in an epoch, and keys that carry the epoch to the data set."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

from mixset._common.arguments import check_flag, check_whole
from mixset._common.errors import InputError

from .._common import philox
from .._common.distributed import rank_and_world
from .._common.philox import Key


class ItemKey:
    """The epoch and the index of an item, as `EpochSampler` yields them: equal to that pair, and unpacked like it.

    Wrappers between the sampler and a `PixMixDataset` may take it for a number. `ConcatDataset` subtracts from it and
    gets a key. `Subset` looks up its own index by it and passes that on, a plain number; the `PixMixDataset` behind
    then finds the key in the call that was given it (`keys_asked_for`).
    """

    __slots__ = ("epoch", "index")

    def __init__(self, epoch: int, index: int) -> None:
        self.epoch, self.index = epoch, index

    def __iter__(self) -> Iterator[int]:
        return iter((self.epoch, self.index))

    def __index__(self) -> int:
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


def keys_asked_for() -> list[ItemKey]:
    """The keys among the arguments of the nearest call on the stack that has some; empty where none has.

    A wrapper that looks up a table, like `Subset`, passes on a plain number, but its own call still has the key. So
    the epoch is that of the access in progress: nothing is remembered that a later access could mistake for its own.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None:
        frame = frame.f_back
        code = frame.f_code
        local = frame.f_locals if code.co_argcount else {}
        for name in code.co_varnames[: code.co_argcount]:
            value = local.get(name)
            keys = value if isinstance(value, list | tuple) else [value]
            if keys and isinstance(keys[0], ItemKey):
                return list(keys)
    return []


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """A random permutation of `count` items, (count,) int64, as a pure function of the arguments."""
    words = philox.words(Key(seed, epoch), np.arange(count), philox.SHUFFLE, 2).astype(np.uint64)
    return np.argsort(words[:, 0] | (words[:, 1] << np.uint64(32)), kind="stable")


class EpochSampler(Sampler[ItemKey]):
    """Yields the (epoch, index) of this process's items in an epoch, in an order that depends on (seed, epoch) alone.

    Items are distributed over the processes in turn, as by torch's `DistributedSampler`: all have the same number,
    for which the first items of the order are repeated if needed. Each iteration is the next epoch, or the one set.

    Args:
        count: the number of items in the data set.
        seed: the seed of the order, 0 to 2**64 − 1.
        num_replicas: the number of processes; default: the world size of `torch.distributed`, or 1.
        rank: the rank of this process; default: that of `torch.distributed`, or 0.
        shuffle: False keeps the order of the data set.
        drop_last: drop the last items of the order instead of repeating the first ones.

    Raises:
        InputError: a number is out of range, or a process would have no items.

    Example:
        >>> import pixmix
        >>> sampler = pixmix.EpochSampler(4, seed=0, num_replicas=2, rank=0)
        >>> sampler.set_epoch(3)
        >>> list(sampler)  # (epoch, index) of this process's half
        [(3, 1), (3, 0)]
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
        own, world = rank_and_world()
        self.count, self.key = check_whole("count", count, low=1, high=2**31 - 1), Key(seed)
        self.num_replicas = check_whole(
            "num_replicas", world if num_replicas is None else num_replicas, low=1, high=2**20
        )
        self.rank = check_whole("rank", own if rank is None else rank, low=0, high=self.num_replicas - 1)
        self.shuffle, self.drop_last = check_flag("shuffle", shuffle), check_flag("drop_last", drop_last)
        self.start, self._begun = 0, False
        self.share = count // self.num_replicas if drop_last else -(-count // self.num_replicas)
        """The number of items of each process in an epoch."""
        if not self.share:
            raise InputError(f"sampler: {count} items do not suffice for {self.num_replicas} processes with drop_last")

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Make the next iteration this epoch, without the first `start` items of this process."""
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
        repeated = np.resize(order, self.share * self.num_replicas)  # truncated, or repeated from the start
        for index in repeated[self.rank :: self.num_replicas][self.start :].tolist():
            yield ItemKey(epoch, index)
