"""How much of its time a training waits for data, and what would change that."""

from __future__ import annotations

import time
from typing import Any

import torch

MUCH = 0.05
"""The share of the time from which on waiting is worth a word."""
BUSY = 0.6
"""The share of a worker's time in which its core computes, below which it rather waits for files."""


class Waiting:
    """The time in which the network has nothing to do, as no batch is there.

    On a GPU, which the host runs ahead of, it is the GPU's own: from the end of a step to the beginning of the next
    batch's. Elsewhere it is that of the training process.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds = 0.0
        """Waited since `take`, where the device is no GPU."""
        self._start = self._taken = time.monotonic()
        self._events: list[Any] = []
        """On a GPU: of each wait its beginning and its end, in turn."""

    def begin(self) -> None:
        """All that the network has been given is on its way."""
        if self.device.type == "cuda":
            self._record()
        self._start = time.monotonic()

    def end(self) -> None:
        """A batch is there, of which nothing is on its way yet."""
        self.seconds += time.monotonic() - self._start
        if self.device.type == "cuda":
            self._record()

    def take(self) -> float:
        """The share of the time since the last call, 0 to 1."""
        seconds = self.seconds
        if self._events:
            self._events[-1].synchronize()
            pairs = zip(self._events[::2], self._events[1::2], strict=False)
            seconds = sum(begin.elapsed_time(end) for begin, end in pairs) / 1000
        now = time.monotonic()
        share = seconds / max(now - self._taken, 1e-9)
        self.seconds, self._events, self._taken = 0.0, [], now
        return min(share, 1.0)

    def _record(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        self._events.append(event)


def remedy(*, workers: int, cores: int, busy: float) -> str:
    """What would make a training wait less for its data.

    Args:
        workers: of this process.
        cores: that this process has for them.
        busy: the share of the workers' time in which they computed.
    """
    if busy < BUSY:
        return f"the {workers} workers wait for files: more workers, or the data set on a local disk"
    if workers < cores:
        return f"more than {workers} workers, for which {cores} cores are here"
    return f"the workers use all {cores} cores: smaller image files, or nothing else beside this training"
