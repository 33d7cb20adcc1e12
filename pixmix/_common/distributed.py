"""The processes that work together, as `torch.distributed` has them; one where it is not in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed as dist

from mixset._common.errors import InputError

T = TypeVar("T")


def rank_and_count() -> tuple[int, int]:
    """This process's number and how many there are."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather(make: Callable[[], T]) -> list[T]:
    """What `make` gives in each process, in the order of ranks; all must call this.

    An InputError in one of them is raised in all: none waits for a process that has ended.
    """
    everything: list[Any] = [_tried(make)]
    if rank_and_count()[1] > 1:
        mine, everything = everything[0], [None] * rank_and_count()[1]
        dist.all_gather_object(everything, mine)
    return [_given(each) for each in everything]


def first(make: Callable[[], T]) -> T:
    """What `make` gives in the first process, the only one that calls it; all must call this, and errors as above."""
    rank, count = rank_and_count()
    box: list[Any] = [_tried(make) if rank == 0 else None]
    if count > 1:
        dist.broadcast_object_list(box, 0)
    return _given(box[0])


def _tried(make: Callable[[], T]) -> T | InputError:
    try:
        return make()
    except InputError as error:
        return error


def _given(thing: Any) -> Any:
    if isinstance(thing, InputError):
        raise thing
    return thing
