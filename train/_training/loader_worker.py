"""A worker of the training's loader: it takes parts of batches from a pipe and puts their images into the ring."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from mixset._common.errors import InputError

from .._data.unreadable import Broken
from .ring import Ring

if TYPE_CHECKING:
    from .batches import TrainingSet

_FORMAT = struct.Struct("<qiiii")


class Part(NamedTuple):
    """Some images of a batch: numbers `first` up to, not including, `last` of the `total` in a slot."""

    epoch: int
    slot: int
    total: int
    first: int
    last: int


class Done(NamedTuple):
    """What a worker says of a part that it has made."""

    slot: int
    broken: tuple[Broken, ...]
    error: InputError | str | None
    """What kept it from making it; a text is the traceback of a fault in the code."""
    seconds: float
    """What it took by the clock."""
    processor: float
    """Its processor's time for it in seconds."""


def send_part(pipe: Connection, part: Part | None) -> None:
    """Leave a part for whichever worker is free first; None ends one."""
    # Written and read in one piece, since it is short: no lock is needed that a killed worker would hold for ever.
    os.write(pipe.fileno(), _FORMAT.pack(*(part or (0, -1, 0, 0, 0))))


def _receive_part(pipe: Connection) -> Part | None:
    """The next part; None at the end."""
    message = os.read(pipe.fileno(), _FORMAT.size)
    if len(message) < _FORMAT.size:
        return None
    part = Part(*_FORMAT.unpack(message))
    return None if part.slot < 0 else part


def work(
    number: int, begin: Callable[[int], None], images: TrainingSet, ring: Ring, pipes: tuple[Connection, Connection]
) -> None:
    """A worker's life: parts from the first of `pipes`, `Done` to the second, until told to end."""
    begin(number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer's; it ends its workers
    torch.set_num_threads(1)
    parts, results = pipes
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the trainer has gone
        while (part := _receive_part(parts)) is not None:
            results.send(_done(images, ring, part))


def _done(images: TrainingSet, ring: Ring, part: Part) -> Done:
    start, processor = time.monotonic(), time.process_time()
    broken: tuple[Broken, ...] = ()
    error: InputError | str | None = None
    try:
        broken = make_part(images, ring, part)
    except InputError as found:
        error = found
    except Exception:
        error = traceback.format_exc()
    return Done(part.slot, broken, error, time.monotonic() - start, time.process_time() - processor)


def make_part(images: TrainingSet, ring: Ring, part: Part) -> tuple[Broken, ...]:
    """Make the images of a part in their place, and write their labels.

    Raises:
        InputError: an image or the method's answer cannot be used.
    """
    epoch, slot, total, first, last = part
    place = ring.images(slot, total)[:, first:last]
    whole = place[0] if images.at_step else None
    made, labels, broken = images.make(epoch, ring.indices(slot, total)[first:last], whole)
    ring.labels(slot, total)[first:last] = labels
    if whole is None:
        np.copyto(place, _by_view(made, place.shape, images.method.name))
    return broken


def _by_view(made: np.ndarray, shape: tuple[int, ...], method: str) -> np.ndarray:
    """A method's rows, (V · n, 3, H, W), as (V, n, 3, H, W)."""
    views, count, *image = shape
    if made.shape != (views * count, *image) or made.dtype != np.float32:
        raise InputError(
            f"method {method}: of {count} images its augment_array must make ({views * count}, "
            f"{', '.join(map(str, image))}) float32, got {made.shape} {made.dtype}"
        )
    return made.reshape(shape)
