"""The image sets of an evaluation, read batch by batch, each process its share."""

from __future__ import annotations

import contextlib
import hashlib
import operator
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mixset._common.arguments import is_map_style
from mixset._common.children import loader_worker
from mixset._common.errors import InputError

from .._common.images import stack
from ..readers import VideoFiles
from .loaders import LoaderImages, as_batch

T = TypeVar("T")


class Batch(NamedTuple):
    """Some images of a set."""

    images: np.ndarray
    """(n, H, W, 3) uint8, or float32 in [0, 1]; of sequences (n, frames, H, W, 3), of synthetic outliers (n, 3, H, W)
    float32 in network-input space."""
    labels: np.ndarray
    """(n,) int64; -1 where there are none."""
    indices: np.ndarray
    """(n,) int64: the images' indices in their set."""


class Images(Protocol):
    """What can be sent through a network: a set of images with a length."""

    def __len__(self) -> int: ...

    def batches(self, batch_size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """All images in order, in batches; the last one may be smaller. Of several processes each has every
        `world`-th batch, from number `rank` on."""

    def fingerprint(self) -> str | None:
        """A hash of the content; None where it is not known and hashing would cost a pass over the files."""


def batch_indices(count: int, batch_size: int, rank: int, world: int) -> Iterator[np.ndarray]:
    """The indices below `count` in batches: every `world`-th, from number `rank` on."""
    for start in range(rank * batch_size, count, world * batch_size):
        yield np.arange(start, min(start + batch_size, count))


class ImageSet:
    """A labelled image set in one of the forms `pixmix.evaluate` takes, read batch by batch in its own order.

    Args:
        data: (images, labels), the images an (N, H, W, 3) uint8 array or a sequence; a sequence or map-style
            Dataset of (image, label); or a DataLoader, see `loaders.LoaderImages`. An image is what
            `loaders.as_batch` takes. What is no array is read by `workers` processes, or as many as the loader has,
            and need not fit into memory.

    Raises:
        InputError: no images, no known number of them, or of more than one size.
    """

    def __init__(self, data: Any, *, workers: int = 0) -> None:
        self.workers = workers
        self.array: np.ndarray | None = None
        self.known_labels: np.ndarray | None = getattr(data, "labels", None)
        """(N,) where they are known before the images are read."""
        if isinstance(data, DataLoader):
            self.workers = workers or data.num_workers
            data = LoaderImages(data)
        if isinstance(data, tuple) and len(data) == 2:
            images, labels = data
            _check_sequence(images)
            labels = np.asarray(labels)
            if len(images) != len(labels) or labels.ndim != 1 or labels.dtype.kind not in "iu":
                raise InputError(
                    f"data: {len(images):,} images need as many whole numbers as labels, "
                    f"got {labels.dtype} {labels.shape}"
                )
            self.known_labels = self.labels = labels.astype(np.int64)
            if isinstance(images, np.ndarray) and images.dtype.kind != "f":
                self.array = images
            data = _Pairs(images, self.labels)
        _check_sequence(data)
        self.items = data
        if len(data) == 0:
            raise InputError("data: there is no image in the set")
        first = _stack([data[0]])[0]
        self.size: tuple[int, int] = (first.shape[1], first.shape[2])

    def __len__(self) -> int:
        return len(self.items)

    def batches(self, batch_size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        chunks = list(batch_indices(len(self), batch_size, rank, world))
        if self.array is not None:
            for indices in chunks:
                # A copy: of a file that is mapped into memory torch would warn that it must not be written to.
                images = np.array(stack(self.array[indices[0] : indices[-1] + 1]))
                yield Batch(images, self.labels[indices], indices)
            return
        read = read_ahead(partial(_read, self.items), chunks, self.workers)
        for indices, (images, labels) in zip(chunks, read, strict=True):
            yield Batch(images, labels, indices)

    def take(self, indices: np.ndarray) -> Batch:
        """Some of the images, in the order of `indices`."""
        if self.array is not None:
            return Batch(stack(self.array[indices]), self.labels[indices], indices)
        return Batch(*_read(self.items, indices), indices)

    def fingerprint(self) -> str | None:
        if self.array is not None:
            return hashlib.sha256(f"{array_fingerprint(self.array)}{self.labels.tolist()}".encode()).hexdigest()
        return self.items.fingerprint() if hasattr(self.items, "fingerprint") else None


@contextlib.contextmanager
def given_as(argument: str) -> Iterator[None]:
    """What is wrong with `data` is said of another argument, which takes images in the same forms."""
    try:
        yield
    except InputError as error:
        if not str(error).startswith("data:"):
            raise
        raise InputError(f"{argument}:{str(error).removeprefix('data:')}") from error


def _check_sequence(data: Any) -> None:
    if not is_map_style(data):
        raise InputError(
            f"data: a {type(data).__name__} has no length and no indices; give (images, labels), a Dataset or a "
            "DataLoader of one"
        )


def array_fingerprint(array: np.ndarray) -> str:
    """SHA-256 of an array, read piece by piece."""
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    for start in range(0, len(array), 1000):
        digest.update(np.ascontiguousarray(array[start : start + 1000]).data)
    return digest.hexdigest()


class _Pairs:
    """Images and labels in two sequences, as one of pairs."""

    def __init__(self, images: Any, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.images[index], int(self.labels[index])


def _read(items: Any, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return _stack([items[index] for index in indices.tolist()])


class SequenceSet:
    """Perturbation sequences, each a batch's item.

    Args:
        sequences: (N, frames, H, W, 3) uint8, or as many videos, which `workers` processes read.
    """

    def __init__(self, sequences: np.ndarray | VideoFiles, *, workers: int = 0) -> None:
        self.sequences = sequences
        self.frames: int = sequences.shape[1] if isinstance(sequences, np.ndarray) else sequences.shape[0]
        self.workers = 0 if isinstance(sequences, np.ndarray) else workers

    def __len__(self) -> int:
        return len(self.sequences)

    def batches(self, batch_size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        chunks = list(batch_indices(len(self), max(batch_size // self.frames, 1), rank, world))
        read = read_ahead(partial(_read_sequences, self.sequences), chunks, self.workers)
        for indices, images in zip(chunks, read, strict=True):
            yield Batch(images, np.full(len(indices), -1), indices)

    def fingerprint(self) -> str | None:
        sequences = self.sequences
        return array_fingerprint(sequences) if isinstance(sequences, np.ndarray) else sequences.fingerprint()


def _read_sequences(sequences: np.ndarray | VideoFiles, indices: np.ndarray) -> np.ndarray:
    return np.stack([sequences[index] for index in indices])


def read_ahead(read: Callable[[Any], T], keys: Sequence[Any], workers: int) -> Iterator[T]:
    """`read(key)` of each key in order, by `workers` processes that read the next ones meanwhile; 0: by this one.

    There are no more processes than keys, and none for a single key, for which this one would only wait: starting one
    takes longer than reading some tens of images, and ImageNet-C has 95 sets.
    """
    loader: DataLoader = DataLoader(
        _Reading(read, keys),
        batch_size=None,
        sampler=range(len(keys)),
        num_workers=min(workers, len(keys)) if len(keys) > 1 else 0,
        collate_fn=_as_it_is,
        worker_init_fn=loader_worker(),
        generator=torch.Generator(),  # without one the loader draws a seed from the global generator
    )
    for item in loader:
        if isinstance(item, InputError):
            raise item
        yield item


class _Reading(Dataset):
    """What is read for each key. An InputError is returned: one raised in a worker would come with its traceback."""

    def __init__(self, read: Callable[[Any], Any], keys: Sequence[Any]) -> None:
        self.read, self.keys = read, keys

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: int) -> Any:
        try:
            return self.read(self.keys[number])
        except InputError as error:
            return error


def _as_it_is(item: Any) -> Any:
    return item


def _stack(items: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    try:
        images = [image for image, _ in items]
        labels = np.array([operator.index(label) for _, label in items], np.int64)
    except (TypeError, ValueError):
        raise InputError(
            "data: items must be (image, label), the label a whole number; two arrays come as a tuple"
        ) from None
    return as_batch(images), labels
