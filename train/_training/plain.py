"""Batches of training images for what a method learns beside the network."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from contextlib import closing

import torch
from torch import Tensor

from pixmix.methods._base import Method

from .._data.labelled import TrainingData
from .batches import BatchPlan, TrainingSet
from .loader import training_loader

PLAIN_EPOCHS = 2**31
"""The first of the epochs in whose order these batches are."""


def plain_batches(
    data: TrainingData, plan: BatchPlan, steps: int, epoch: int, *, device: torch.device, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """So many batches of training images, cropped and flipped alone, in orders that no epoch of training has.

    Args:
        plan: whose batches they are like.
        epoch: of training, before which they are asked for.
        device: where they are put.
    """
    training_set = TrainingSet(data.train, Method(), seed=plan.seed, flip=data.flip, device=device)
    plan = copy.copy(plan)
    with closing(training_loader(training_set, plan, workers=workers)) as loader:
        for number in range(-(-steps // plan.steps)):
            own = PLAIN_EPOCHS + epoch * 2**16 + number
            plan.set_epoch(own)
            for batch in itertools.islice(loader, steps - number * plan.steps):
                yield training_set.inputs(own, batch), batch.labels.to(device, non_blocking=True)
