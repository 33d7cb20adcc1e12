"""The test after each epoch: its images are read by workers that stay, and begin the next test's before it comes."""

from __future__ import annotations

import numpy as np
import torch

from pixmix._evaluators.forwarding import autocast, scaled
from pixmix.methods._base import Method

from .._data.labelled import LabelledImages
from .._data.unreadable import Broken
from .batches import BatchPlan, TrainingSet
from .loader import Loader, training_loader
from .state import TrainingState


class EpochTest:
    """Measures a training's network. To be closed.

    The workers start with the first test. Starting as many processes for each, and ending them, took longer than
    many a short epoch, and its first images were not begun before it.
    """

    def __init__(self, training: TrainingState) -> None:
        self.training = training
        self.share = training.data.test.share(training.processes.rank, training.processes.world)
        self.loader: Loader | None = None

    @torch.no_grad()
    def error(self) -> tuple[float, bool]:
        """The clean error of the network as it is, the images shared out over the processes; and whether one of them
        was asked to stop, and so the error is of no use."""
        training, processes, device = self.training, self.training.processes, self.training.device
        network = training.measured.eval()
        processes.level(network)
        wrong = torch.zeros((), dtype=torch.int64, device=device)
        if len(self.share):
            self.loader = self.loader or self._loader()
            self.loader.plan.set_epoch(training.epoch)
            own = training.config.test_amp
            with training.step.autocast() if own else autocast(device, training.config.eval_precision):
                for batch in self.loader:
                    if processes.stop.asked:
                        break
                    assert batch.images is not None
                    inputs = scaled(batch.images.to(device, non_blocking=True))
                    predictions = network(inputs).argmax(1)
                    wrong += (predictions != batch.labels.to(device, non_blocking=True)).sum()
        errors, stopped = processes.total(wrong.item(), processes.stop.asked)
        return errors / len(training.data.test), bool(stopped)

    def close(self) -> None:
        """End the workers."""
        if self.loader is not None:
            self.loader.close()
            self.loader = None

    def _loader(self) -> Loader:
        training, images = self.training, WholeSet(self.share, self.training.device)
        training.writer.join()  # workers are forked, which goes with no thread at work
        plan = InOrder(len(self.share), training.config.eval_batch_size)
        workers = training.workers if self.share.array is None else 0
        return training_loader(images, plan, workers=workers, epochs=training.config.epochs)


class WholeSet(TrainingSet):
    """Images for testing as they are, (N, H, W, 3) uint8: the same in each epoch."""

    def __init__(self, images: LabelledImages, device: torch.device) -> None:
        # Not the base's, which would put images in memory on the device.
        self.images, self.method, self.seed, self.flip = images, Method(), 0, False
        self.device, self.tensors, self.at_step, self.resident = device, True, True, None

    def make(
        self, epoch: int, indices: np.ndarray, result: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, tuple[Broken, ...]]:
        if self.images.array is not None:
            images = self.images.array[indices]
        else:
            side = self.images.size
            images = np.empty((len(indices), side, side, 3), np.uint8) if result is None else result
            for place, index in zip(images, indices, strict=True):
                place[:] = self.images[index][0]
        return images, self.images.labels[indices], ()


class InOrder(BatchPlan):
    """All images of a set in its own order, in batches of which the last may be smaller."""

    def __init__(self, count: int, size: int) -> None:
        super().__init__(count, size, seed=0)
        self.steps = -(-count // size)

    def parts(self, epoch: int, first: int, steps: int) -> list[np.ndarray]:
        return [
            np.arange(step * self.size, min((step + 1) * self.size, self.count)) for step in range(first, first + steps)
        ]
