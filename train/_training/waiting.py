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
        self._start = 0.0
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
        """Seconds waited since the last call."""
        seconds = self.seconds
        if self._events:
            self._events[-1].synchronize()
            pairs = zip(self._events[::2], self._events[1::2], strict=False)
            seconds = sum(begin.elapsed_time(end) for begin, end in pairs) / 1000
        self.seconds, self._events = 0.0, []
        return seconds

    def _record(self) -> None:
        event = torch.cuda.Event(enable_timing=True)
        event.record(torch.cuda.current_stream(self.device))
        self._events.append(event)


def advice(share: float, *, workers: int, cores: int, busy: float) -> str:
    """What to say of the share of an epoch that was waited for data; nothing where that is little.

    Args:
        share: 0 to 1.
        workers: of this process.
        cores: that this process has for them.
        busy: the share of the workers' time in which they computed.
    """
    if share < MUCH:
        return ""
    if busy < BUSY:
        remedy = f"the {workers} workers wait for files: more workers, or the data set on a local disk"
    elif workers < cores:
        remedy = f"more workers than {workers}, for which {cores} cores are here"
    else:
        remedy = f"the workers have all {cores} cores: smaller image files, or nothing else beside this training"
    return f"waited for data {share:.0%} of the time ({remedy})"
