"""Networks under evaluation: images in, logits out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError, reason
from mixset._common.progress import Progress

from .._common.distributed import gather, rank_and_world
from .._common.modes import in_eval_mode
from .._common.precisions import EvalPrecision
from ..measures._inputs import row_sum
from .image_sets import Batch, Images

Forward = Callable[[Batch], Tensor]
"""A batch to the logits of its images."""
Fetch = Callable[[], np.ndarray]
"""Waits for a tensor on its way from the device."""


@contextmanager
def evaluating(network: nn.Module, device: torch.device, precision: EvalPrecision) -> Iterator[None]:
    """The network in eval mode on `device`, with no other autocast than that of `precision`; afterwards in the mode
    and where it was before."""
    home = home_device(network)
    with in_eval_mode(network):
        try:
            network.to(device)
            with autocast(device, precision):
                yield
        finally:
            network.to(home)


def autocast(device: torch.device, precision: EvalPrecision) -> torch.autocast:
    """Autocast to bfloat16, or none whatever is around it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


def home_device(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def to_device(images: np.ndarray, device: torch.device) -> Tensor:
    """(n, H, W, 3) uint8, or float32 in [0, 1], to (n, 3, H, W) float32 in [0, 1], channels last (a third faster under
    attack on a CPU)."""
    tensor = torch.from_numpy(images)
    if device.type == "cuda":
        tensor = tensor.pin_memory().to(device, non_blocking=True)  # the host goes on to the next batch
    return scaled(tensor.to(device))


def scaled(images: Tensor) -> Tensor:
    """(n, H, W, 3) uint8, or float32 in [0, 1], as (n, 3, H, W) float32 in [0, 1], channels last, where it is."""
    images = images.permute(0, 3, 1, 2)
    return images if images.is_floating_point() else images.float().div(255)


def run_batches(
    images: Images,
    forward: Forward,
    batch_size: int,
    what: str,
    *,
    quiet: bool,
    rows: int = 1,
    reduce: Callable[[np.ndarray], np.ndarray] | None = None,
    beside: Callable[[int], Tensor] | None = None,
) -> dict[str, np.ndarray]:
    """Forward a set of images: `logits` (N, classes) float32 and `labels` (N,) int64, in the order of their indices.

    Under `torch.distributed` each process forwards its share, all get the whole, and no image counts twice.

    Args:
        what: the images' name in the progress line and in errors.
        rows: how many rows of logits there are for each image: the frames of a sequence.
        reduce: what is kept of a batch's logits (rows · n, classes), as (n, values); default: all.
        beside: gives what the last forward pass of n images left beside the logits, (n, D): kept as `features`.
    """
    rank, world = rank_and_world()
    count = len(images)

    def share() -> tuple[list[np.ndarray], ...]:
        parts: tuple[list[np.ndarray], ...] = ([], [], [], [])
        with Progress(count, what, quiet=quiet or rank > 0) as progress:
            for batch, values, features in _answered(
                forward, images.batches(batch_size, rank, world), what, rows, beside
            ):
                parts[0].append(values if reduce is None else reduce(values))
                parts[1].append(batch.labels)
                parts[2].append(batch.indices)
                if features is not None:
                    parts[3].append(features)
                progress.advance(min(len(batch.labels) * world, count - progress.count))
        return parts

    shares = gather(share)
    indices = [array for parts in shares for array in parts[2]]
    assert np.array_equal(np.sort(np.concatenate(indices)), np.arange(count))
    kinds = {"logits": 0, "labels": 1} | ({} if beside is None else {"features": 3})
    return {name: _in_order([parts[kind] for parts in shares], indices) for name, kind in kinds.items()}


def _in_order(shares: list[list[np.ndarray]], indices: list[np.ndarray]) -> np.ndarray:
    """The rows of all parts, each at its index. The parts are used up, so that no more than two of a set's features,
    which may be gigabytes, are in memory at once."""
    parts = [part for share in shares for part in share]
    for share in shares:
        share.clear()
    out = np.empty((sum(map(len, indices)), *parts[0].shape[1:]), parts[0].dtype)
    for place in reversed(range(len(parts))):
        out[indices[place]] = parts.pop()
    return out


def _answered(
    forward: Forward,
    batches: Iterator[Batch],
    what: str,
    rows: int,
    beside: Callable[[int], Tensor] | None,
) -> Iterator[tuple[Batch, np.ndarray, np.ndarray | None]]:
    """Each batch with its logits (rows · n, classes) float32 and what is kept beside them, fetched when the device has
    the next one to do already: neither waits for the other. InputError where they do not fit the labels."""
    before: tuple[Batch, Fetch, Fetch | None] | None = None
    for batch in batches:
        with network_errors(what):
            logits = _as_logits(forward(batch), rows * len(batch.labels), what)
            fetch = fetched(logits)
            left = None if beside is None else fetched(beside(len(batch.labels)))
        if (most := batch.labels.max()) >= logits.shape[1]:
            raise InputError(f"{what}: labels run to {most}, the network has {logits.shape[1]} classes")
        if before is not None:
            yield _arrived(*before, what)
        before = batch, fetch, left
    if before is not None:
        yield _arrived(*before, what)


def _arrived(
    batch: Batch, fetch: Fetch, beside: Fetch | None, what: str
) -> tuple[Batch, np.ndarray, np.ndarray | None]:
    logits, features = _checked(batch, fetch, what), None if beside is None else beside()
    if features is not None and not np.isfinite(features).all():
        remedy = "keep them as float32: `features`" if features.dtype == np.float16 else "its training diverged"
        raise InputError(f"{what}: the network's features are not finite in {features.dtype}; {remedy}")
    return batch, logits, features


def fetched(tensor: Tensor) -> Fetch:
    """A tensor on its way from the device; what is returned waits for it, and for nothing that the device does then."""
    if tensor.device.type != "cuda":
        array = tensor.cpu().numpy()
        return lambda: array
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    there = torch.cuda.Event()
    there.record(torch.cuda.current_stream(tensor.device))

    def wait() -> np.ndarray:
        there.synchronize()
        return host.numpy()

    return wait


def _checked(batch: Batch, fetch: Fetch, what: str) -> np.ndarray:
    """The logits of a batch; InputError where they are probabilities."""
    with network_errors(what):
        logits = fetch()
    if batch.labels.min() >= 0 and row_sum(logits) == 1:
        raise InputError(
            f"the network gives probabilities for {what} (each row is at least 0 and has the sum 1), needed are "
            "logits; leave its softmax out"
        )
    return logits


def _as_logits(output: Any, count: int, what: str) -> Tensor:
    """A network's output for `count` images as (count, classes) float32; InputError where it is something else."""
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != count or not output.is_floating_point():
        form = f"{output.dtype} of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"the network must give logits ({count}, classes) for {what}, floats; got {form}")
    return output.detach().float()


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
