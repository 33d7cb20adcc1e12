"""The processes that work together, as `torch.distributed` has them; one where it is not in use."""

from __future__ import annotations

from typing import Any

import torch.distributed as dist


def rank_and_count() -> tuple[int, int]:
    """This process's number and how many there are."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def gather(thing: Any) -> list[Any]:
    """What each process has, in the order of ranks; all must call this."""
    _, count = rank_and_count()
    if count == 1:
        return [thing]
    everything: list[Any] = [None] * count
    dist.all_gather_object(everything, thing)
    return everything


def first(thing: Any) -> Any:
    """What the first process has; all must call this."""
    if rank_and_count()[1] == 1:
        return thing
    box = [thing]
    dist.broadcast_object_list(box, 0)
    return box[0]
