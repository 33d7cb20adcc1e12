"""From a data set to batches for the network: which images, cut how, through which method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from mixset._common import named
from pixmix._augment.crops import ResizedCrops, crop_and_flip
from pixmix._augment.draws import Key
from pixmix._augment.residents import Resident
from pixmix._augment.sampler import epoch_order
from pixmix.methods._base import Method

from .._data.labelled import LabelledImages
from .._data.unreadable import Broken
from .broken import Reader

PADDING = 4
"""Pixels of black around an image in memory before a crop of its own size is taken (the paper's CIFAR recipe)."""


class Batch(NamedTuple):
    """What the loader hands over; the images are good until the next one is asked for."""

    images: Tensor | None
    """(V · N, 3, H, W) float32 in [0, 1]; where the method makes images at their step, the crops (N, H, W, 3) uint8;
    None where the data set lies on the device, on which they are then cropped."""
    labels: Tensor
    """(N,) int64."""
    indices: Tensor
    """(N,) int64: places in the training set."""
    broken: tuple[Broken, ...] = ()
    """Images that could not be read; others are there in their place, with their labels."""


class TrainingSet(Dataset):
    """A data set's images, cropped, flipped and through the method's image transform; a function of their keys.

    On a CPU loader workers do all of it. For another device they only read and crop, and the method works there; a
    data set in memory is put on the device, and cropped there, too. A method without a form for tensors stays in the
    workers.

    Args:
        device: where the network is.
        tensors: whether to work on tensors; default: on any device but a CPU, where arrays are faster.
        broken: images in memory in whose place are others, to be told of with each batch that has them.
    """

    def __init__(
        self,
        images: LabelledImages,
        method: Method,
        *,
        seed: int,
        flip: bool,
        device: torch.device | None = None,
        tensors: bool | None = None,
        broken: tuple[Broken, ...] = (),
    ) -> None:
        self.broken = {each.image: each for each in broken}
        self.images, self.method, self.seed, self.flip = images, method, seed, flip
        self.device = device or torch.device("cpu")
        self.tensors = method.on_device and (self.device.type != "cpu" if tensors is None else tensors)
        self.at_step = self.tensors or not method.in_loader
        """Whether the method makes the images at their step, in the training process."""
        self.resident = Resident(images.array, self.device) if self.tensors and images.array is not None else None

    def __getstate__(self) -> dict[str, Any]:
        """For loader workers that are spawned: the method may be of code that they have to import first."""
        return {**self.__dict__, "method": named.pack(self.method)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, method=named.unpack(state["method"]))

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, epoch: int, indices: np.ndarray) -> Batch:
        """Some of an epoch's images, as far as they can be made ahead of their step."""
        numbers = torch.from_numpy(indices)
        if self.resident is not None:
            return Batch(None, torch.from_numpy(self.images.labels[indices]), numbers, self._broken_in(indices))
        images, labels, broken = self.make(epoch, indices)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels), numbers, broken)

    def make(
        self, epoch: int, indices: np.ndarray, result: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, tuple[Broken, ...]]:
        """Images as in a `Batch`, the labels, (N,) int64, of those that were read, and what could not be.

        Args:
            epoch: an image is a function of the seed, this and its index.
            indices: (N,) int64.
            result: where crops that the method takes at their step are written, (N, H, W, 3) uint8.
        """
        key = Key(seed=self.seed, epoch=epoch)
        images, labels, broken = self._cut(key, indices, result)
        if not self.at_step:
            images = self.method.augment_array(images, key, indices)
        return images, labels, broken

    def inputs(self, epoch: int, batch: Batch) -> Tensor:
        """The network's images of a batch, (V · N, 3, H, W) float32 in [0, 1] on the device, channels last.

        Does what is left to do at their step; nothing waits for the device.
        """
        key, indices, inputs = Key(seed=self.seed, epoch=epoch), batch.indices.numpy(), batch.images
        if self.resident is not None:
            inputs = self.method.augment_resident(self.resident, key, indices, padding=PADDING, flip=self.flip)
        elif self.tensors:
            assert batch.images is not None
            inputs = self.method.augment_tensor(batch.images.to(self.device, non_blocking=True), key, indices)
        elif self.at_step:
            assert batch.images is not None
            inputs = torch.from_numpy(self.method.augment_array(batch.images.numpy(), key, indices))
        assert inputs is not None
        return inputs.to(self.device, non_blocking=True, memory_format=torch.channels_last)

    def _cut(
        self, key: Key, indices: np.ndarray, result: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, tuple[Broken, ...]]:
        if self.images.array is not None:
            own = self.images.array[indices]
            images = crop_and_flip(own, key, indices, padding=PADDING, flip=self.flip, result=result)
            return images, self.images.labels[indices], self._broken_in(indices)
        crops, side = ResizedCrops(key, indices, flip=self.flip), self.images.size
        reader = Reader(self.images, indices, crops.rows)
        images = crops.cut(reader, np.empty((len(indices), side, side, 3), np.uint8) if result is None else result)
        return images, reader.labels, tuple(reader.broken)

    def _broken_in(self, indices: np.ndarray) -> tuple[Broken, ...]:
        if not self.broken:
            return ()
        return tuple(self.broken[index] for index in indices.tolist() if index in self.broken)


class BatchPlan(Sampler):
    """The keys of each batch of this process, in an order that is a function of (seed, epoch) alone.

    A batch is `size` images over all processes, dealt out in turn; each image comes once an epoch. The last batch
    of an epoch is as large as what is left. Where that would leave a process with a single image, which batch
    normalisation cannot take at the size of a network's last layers, the last two batches are one. Batches that are
    that small throughout stay: a process without an image takes the batch's first with weight zero, so that all take
    part in the step.
    """

    def __init__(self, count: int, size: int, *, seed: int, rank: int = 0, world: int = 1) -> None:
        self.count, self.size, self.seed, self.rank, self.world = count, size, seed, rank, world
        self.steps = -(-count // size)
        left = count - (self.steps - 1) * size
        if self.steps > 1 and left < 2 * world <= size:
            self.steps -= 1
        self.epoch = self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """The next iteration is this epoch's, from its batch number `start` on."""
        self.epoch, self.start = epoch, start

    def global_batch(self, step: int) -> int:
        """How many images a batch has over all processes."""
        return self.size if step < self.steps - 1 else self.count - step * self.size

    def whole_batch(self, epoch: int, step: int) -> np.ndarray:
        """The indices of an epoch's batch over all processes."""
        order = epoch_order(self.count, seed=self.seed, epoch=epoch)
        return order[step * self.size :][: self.global_batch(step)]

    def weight(self, step: int) -> float:
        """This process's share of the batch times the number of processes: what its mean loss counts in the mean."""
        batch = self.global_batch(step)
        return len(range(self.rank, batch, self.world)) * self.world / batch

    @property
    def most(self) -> int:
        """The most images that a batch has in this process."""
        largest = max(self.global_batch(0), self.global_batch(self.steps - 1))
        return max(len(range(self.rank, largest, self.world)), 1)

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for indices in self.parts(self.epoch, self.start, self.steps - self.start):
            yield [(self.epoch, int(index)) for index in indices]

    def parts(self, epoch: int, first: int, steps: int) -> list[np.ndarray]:
        """This process's indices in so many batches of an epoch, from number `first` on."""
        order = epoch_order(self.count, seed=self.seed, epoch=epoch)
        found = []
        for step in range(first, first + steps):
            batch = order[step * self.size :][: self.global_batch(step)]
            mine = batch[self.rank :: self.world]
            found.append(mine if len(mine) else batch[:1])
        return found
