"""The processes that work together, as `torch.distributed` has them; one where it is not in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed as dist

from mixset._common.errors import InputError

T = TypeVar("T")


def rank_and_world() -> tuple[int, int]:
    """This process's rank and the world size."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def all_gather(value: T) -> list[T]:
    """The value of each process, in the order of ranks; all must call this."""
    world = rank_and_world()[1]
    if world == 1:
        return [value]
    values: list[Any] = [None] * world
    dist.all_gather_object(values, value)
    return values


def gather(make: Callable[[], T]) -> list[T]:
    """What `make` returns in each process, in the order of ranks; all must call this.

    An InputError in one of them is raised in all: none waits for a process that has ended.
    """
    return [_result(outcome) for outcome in all_gather(_attempt(make))]


def first(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, the only one that calls it; all must call this, and errors as above."""
    rank, world = rank_and_world()
    box: list[Any] = [_attempt(make) if rank == 0 else None]
    if world > 1:
        dist.broadcast_object_list(box, 0)
    return _result(box[0])


def _attempt(make: Callable[[], T]) -> T | InputError:
    try:
        return make()
    except InputError as error:
        return error


def _result(outcome: Any) -> Any:
    if isinstance(outcome, InputError):
        raise outcome
    return outcome
