"""Images in, logits out: how every evaluator reads an image set, runs a network and keeps what it gave."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mixset._common.arguments import is_map_style
from mixset._common.errors import InputError, reason
from mixset._common.progress import Progress

from .._common.distributed import gather, rank_and_count
from .._common.images import stack
from ..measures._inputs import row_sum
from .loaders import LoaderImages, as_batch

T = TypeVar("T")
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Images (n, H, W, 3) uint8, labels (n,) int64 and the images' places in their set (n,) int64."""


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
            self.labels = labels.astype(np.int64)
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
        """All images in order, in batches; the last one may be smaller. Of several processes each has every
        `world`-th batch, from number `rank` on."""
        starts = range(rank * batch_size, len(self), world * batch_size)
        if self.array is not None:
            for start in starts:
                indices = np.arange(start, min(start + batch_size, len(self)))
                # A copy: of a file that is mapped into memory torch would warn that it must not be written to.
                yield np.array(stack(self.array[start : start + batch_size])), self.labels[indices], indices
            return
        read = partial(_read, self.items, batch_size)
        for start, (images, labels) in zip(starts, read_ahead(read, starts, self.workers), strict=True):
            yield images, labels, start + np.arange(len(labels))

    def fingerprint(self) -> str | None:
        """SHA-256 of images and labels; None where these are no array and do not know it, and hashing would cost a
        reading."""
        if self.array is not None:
            return hashlib.sha256(f"{array_fingerprint(self.array)}{self.labels.tolist()}".encode()).hexdigest()
        return self.items.fingerprint() if hasattr(self.items, "fingerprint") else None


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


def _read(items: Any, batch_size: int, start: int) -> tuple[np.ndarray, np.ndarray]:
    return _stack([items[index] for index in range(start, min(start + batch_size, len(items)))])


def read_ahead(read: Callable[[Any], T], keys: Sequence[Any], workers: int) -> Iterator[T]:
    """`read(key)` of each key in order, by `workers` processes that read the next ones meanwhile; 0: by this one."""
    loader: DataLoader = DataLoader(
        _Reading(read, keys),
        batch_size=None,
        sampler=range(len(keys)),
        num_workers=workers,
        collate_fn=_as_it_is,
        generator=torch.Generator(),  # without one the loader draws a seed from the global generator
    )
    for found in loader:
        if isinstance(found, InputError):
            raise found
        yield found


class _Reading(Dataset):
    """What is read for each key; an InputError is handed over, as one raised by a worker has its traceback."""

    def __init__(self, read: Callable[[Any], Any], keys: Sequence[Any]) -> None:
        self.read, self.keys = read, keys

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, number: int) -> Any:
        try:
            return self.read(self.keys[number])
        except InputError as error:
            return error


def _as_it_is(found: Any) -> Any:
    return found


def _stack(items: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    try:
        images = [image for image, _ in items]
        labels = np.array([operator.index(label) for _, label in items], np.int64)
    except (TypeError, ValueError):
        raise InputError(
            "data: items must be (image, label), the label a whole number; two arrays come as a tuple"
        ) from None
    return as_batch(images), labels


@contextmanager
def evaluating(network: nn.Module, device: torch.device) -> Iterator[None]:
    """The network in eval mode on `device`, without autocast; afterwards each module is as it was found."""
    modes = [(module, module.training) for module in network.modules()]
    home = home_device(network)
    try:
        network.eval()
        network.to(device)
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        for module, training in modes:
            module.training = training
        network.to(home)


def home_device(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def to_device(images: np.ndarray, device: torch.device) -> Tensor:
    """(n, H, W, 3) uint8, or float32 in [0, 1], to (n, 3, H, W) float32 in [0, 1], channels last (a third faster under
    attack on a CPU)."""
    given = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return given if given.is_floating_point() else given.float().div(255)


def run_batches(
    batches: Iterable[Any],
    forward: Callable[[Any], tuple[Tensor, np.ndarray, np.ndarray]],
    count: int,
    what: str,
    *,
    quiet: bool,
) -> dict[str, np.ndarray]:
    """Forward all batches: `logits` (count, classes) float32 and `labels` (count,) int64, in the order of places.

    Under `torch.distributed` each process brings its own batches, all get the whole, and no image counts twice.

    Args:
        batches: this process's.
        forward: a batch to its logits, labels and places.
        count: images of all processes.
        what: the images' name in the progress line.
    """
    rank, world = rank_and_count()

    def share() -> tuple[list[np.ndarray], ...]:
        parts: tuple[list[np.ndarray], ...] = ([], [], [])
        with Progress(count, what, quiet=quiet or rank > 0) as progress:
            for batch in batches:
                for part, array in zip(parts, _checked(forward, batch, what), strict=True):
                    part.append(array)
                progress.advance(min(len(parts[1][-1]) * world, count - progress.count))
        return parts

    shares = gather(share)
    logits, labels, indices = (
        np.concatenate([array for parts in shares for array in parts[kind]]) for kind in range(3)
    )
    order = np.argsort(indices, kind="stable")
    assert np.array_equal(indices[order], np.arange(count))
    return {"logits": logits[order], "labels": labels[order]}


def _checked(
    forward: Callable[[Any], tuple[Tensor, np.ndarray, np.ndarray]], batch: Any, what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (n, classes) float32, labels and places of a batch, or InputError where they do not fit together."""
    with network_errors(what):
        logits, labels, indices = forward(batch)
        array = as_logits(logits, len(labels), what)
    if labels.min() >= 0 and row_sum(array) == 1:
        raise InputError(
            f"the network gives probabilities for {what} (each row is at least 0 and has the sum 1), needed are "
            "logits; leave its softmax out"
        )
    if labels.max() >= logits.shape[1]:
        raise InputError(f"{what}: labels run to {labels.max()}, the network has {logits.shape[1]} classes")
    return array, labels, indices


def as_logits(given: Any, count: int, what: str) -> np.ndarray:
    """What a network gave for `count` images as (count, classes) float32; InputError where it is something else."""
    if not isinstance(given, Tensor) or given.ndim != 2 or len(given) != count or not given.is_floating_point():
        found = f"{given.dtype} of shape {tuple(given.shape)}" if isinstance(given, Tensor) else type(given).__name__
        raise InputError(f"the network must give logits ({count}, classes) for {what}, floats; got {found}")
    return given.detach().float().cpu().numpy()


@contextmanager
def network_errors(what: str) -> Iterator[None]:
    """What a network raises at images it does not take, as an InputError that names them."""
    try:
        yield
    except InputError:
        raise
    except torch.OutOfMemoryError:
        raise InputError(f"{what}: a batch does not fit into the memory of the device; lower the batch size") from None
    except Exception as error:  # networks have many ways
        kind = type(error).__name__
        why = kind if reason(error) == kind else f"{kind}: {reason(error)}"
        raise InputError(f"the network fails on {what} ({why}); are they of the size it takes?") from error
