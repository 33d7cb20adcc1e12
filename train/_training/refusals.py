"""What ends a training in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from mixset._common.errors import InputError

from .._runs.config import TrainConfig
from .batches import BatchPlan

INDICES = 256
"""How many of a batch's indices an error names."""


def not_finite(plan: BatchPlan, epoch: int, step: int) -> str:
    """Since when the loss is not finite: the step, from 0 on, and the batch's indices in the training set."""
    indices = plan.whole_batch(epoch, step)
    named = ", ".join(map(str, indices[:INDICES]))
    more = f" and {len(indices) - INDICES:,} more" if len(indices) > INDICES else ""
    return f"the loss is not finite since step {step + 1:,} of epoch {epoch + 1} (images {named}{more})"


@contextlib.contextmanager
def step_refused(config: TrainConfig) -> Iterator[None]:
    """One line in place of torch's traceback where a step does not fit into memory, or where batch normalisation is
    left with one value a channel."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise InputError(
            f"batch_size {config.batch_size}: a training step does not fit into the memory of the device; give a "
            "smaller `batch_size`, or free the device of what else is on it"
        ) from None
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(
            f"network {config.network}: a process has one image in a step, too few for its batch normalisation; "
            f"raise `batch_size` from {config.batch_size} to at least 2 for each process, or give more images"
        ) from error
