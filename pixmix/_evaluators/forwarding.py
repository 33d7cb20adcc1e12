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
from ..measures._inputs import row_sum
from .image_sets import Batch, Images

Forward = Callable[[Batch], Tensor]
"""A batch to the logits of its images."""


@contextmanager
def evaluating(network: nn.Module, device: torch.device) -> Iterator[None]:
    """The network in eval mode on `device`, without autocast; afterwards in the mode and where it was before."""
    home = home_device(network)
    with in_eval_mode(network):
        try:
            network.to(device)
            with torch.autocast(device.type, enabled=False):
                yield
        finally:
            network.to(home)


def home_device(network: nn.Module) -> torch.device:
    """Where the network's weights are."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def to_device(images: np.ndarray, device: torch.device) -> Tensor:
    """(n, H, W, 3) uint8, or float32 in [0, 1], to (n, 3, H, W) float32 in [0, 1], channels last (a third faster under
    attack on a CPU)."""
    tensor = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)
    return tensor if tensor.is_floating_point() else tensor.float().div(255)


def run_batches(images: Images, forward: Forward, batch_size: int, what: str, *, quiet: bool) -> dict[str, np.ndarray]:
    """Forward a set of images: `logits` (N, classes) float32 and `labels` (N,) int64, in the order of their indices.

    Under `torch.distributed` each process forwards its share, all get the whole, and no image counts twice.

    Args:
        what: the images' name in the progress line and in errors.
    """
    rank, world = rank_and_world()
    count = len(images)

    def share() -> tuple[list[np.ndarray], ...]:
        logits, labels, indices = [], [], []
        with Progress(count, what, quiet=quiet or rank > 0) as progress:
            for batch in images.batches(batch_size, rank, world):
                logits.append(_checked(forward, batch, what))
                labels.append(batch.labels)
                indices.append(batch.indices)
                progress.advance(min(len(batch.labels) * world, count - progress.count))
        return logits, labels, indices

    shares = gather(share)
    logits, labels, indices = (
        np.concatenate([array for parts in shares for array in parts[kind]]) for kind in range(3)
    )
    order = np.argsort(indices, kind="stable")
    assert np.array_equal(indices[order], np.arange(count))
    return {"logits": logits[order], "labels": labels[order]}


def _checked(forward: Forward, batch: Batch, what: str) -> np.ndarray:
    """Logits (n, classes) float32 of a batch; InputError where they do not fit its labels."""
    labels = batch.labels
    with network_errors(what):
        logits = as_logits(forward(batch), len(labels), what)
    if labels.min() >= 0 and row_sum(logits) == 1:
        raise InputError(
            f"the network gives probabilities for {what} (each row is at least 0 and has the sum 1), needed are "
            "logits; leave its softmax out"
        )
    if labels.max() >= logits.shape[1]:
        raise InputError(f"{what}: labels run to {labels.max()}, the network has {logits.shape[1]} classes")
    return logits


def as_logits(output: Any, count: int, what: str) -> np.ndarray:
    """A network's output for `count` images as (count, classes) float32; InputError where it is something else."""
    if not isinstance(output, Tensor) or output.ndim != 2 or len(output) != count or not output.is_floating_point():
        form = f"{output.dtype} of shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise InputError(f"the network must give logits ({count}, classes) for {what}, floats; got {form}")
    return output.detach().float().cpu().numpy()


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
