"""The network's images of an epoch's batches; where the data set lies on the device, those of many steps at once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .batches import Batch, BatchPlan, TrainingSet

AHEAD = 1 << 26
"""Bytes of images that are made at once: 5,461 of 32 px, enough for a GPU's speed; of 224 px a batch is more."""


class Feed:
    """Images and labels of a plan's batches, on the device, in the order of its steps.

    What a kernel's launch costs is shared by many steps. The images are those of each step by itself, being functions
    of their keys.
    """

    def __init__(self, training_set: TrainingSet, plan: BatchPlan) -> None:
        self.training_set, self.plan = training_set, plan
        self.first = self.end = 0
        """The steps whose images are there: of `self.epoch`, from the first up to, not including, the end."""
        self.epoch = -1
        self.images = self.labels = torch.empty(0)
        self.starts = np.zeros(1, np.int64)
        """Where each of these steps' images begin among a view's."""

    def of(self, epoch: int, step: int, batch: Batch) -> tuple[Tensor, Tensor]:
        """The images (V · N, 3, H, W) float32 in [0, 1] and labels (N,) int64 of the plan's batch at `step`.

        Nothing waits for the device. Called after the method's `on_step`.
        """
        if self.training_set.resident is None:
            labels = batch.labels.to(self.training_set.device, non_blocking=True)
            return self.training_set.inputs(epoch, batch), labels
        if epoch != self.epoch or not self.first <= step < self.end:
            self._make(epoch, step, self._steps(step))
        return self._slice(step - self.first)

    def _steps(self, step: int) -> int:
        """For how many steps from this one on images are made now."""
        size, views = self.training_set.images.size, self.training_set.method.views
        fit = AHEAD // (self.plan.size * views * 3 * size * size * 4)
        allowed = self.training_set.method.ahead()
        return max(min(fit, self.plan.steps - step, fit if allowed is None else allowed), 1)

    def _make(self, epoch: int, step: int, steps: int) -> None:
        parts = self.plan.parts(epoch, step, steps)
        indices = np.concatenate(parts)
        labels = torch.from_numpy(self.training_set.images.labels[indices])
        device = self.training_set.device
        if device.type == "cuda":
            labels = labels.pin_memory()
        self.images = self.training_set.inputs(epoch, Batch(None, labels, torch.from_numpy(indices)))
        self.labels = labels.to(device, non_blocking=True)
        self.epoch, self.first, self.end = epoch, step, step + steps
        self.starts = np.cumsum([0, *map(len, parts)])

    def _slice(self, number: int) -> tuple[Tensor, Tensor]:
        part = slice(int(self.starts[number]), int(self.starts[number + 1]))
        each = [view[part] for view in self.images.chunk(self.training_set.method.views)]
        return each[0] if len(each) == 1 else torch.cat(each), self.labels[part]
