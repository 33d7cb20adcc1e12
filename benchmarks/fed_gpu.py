"""A GPU that only lets time pass, for `benchmarks/fed.py`: steps that take as long as one says, and no core."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from unittest.mock import patch

import torch

from pixmix.train._training.ring import Ring


class SleepingGpu:
    """A queue of work in time: the host goes on at once, and sleeps where it waits for the device."""

    def __init__(self) -> None:
        self.free = time.monotonic()
        """When all that it has been given is done."""

    def launch(self, seconds: float) -> float:
        """Give it work; when it begins with that."""
        begin = max(time.monotonic(), self.free)
        self.free = begin + seconds
        return begin

    def synchronize(self) -> None:
        """Wait until all work is done."""
        time.sleep(max(self.free - time.monotonic(), 0.0))

    @contextlib.contextmanager
    def in_place_of_cuda(self) -> Iterator[None]:
        """What the loader asks of CUDA is asked of this GPU."""
        gpu = self

        class Event:
            def __init__(self, **_: bool) -> None:
                self.at = 0.0

            def record(self, _: object) -> None:
                self.at = max(time.monotonic(), gpu.free)

            def query(self) -> bool:
                return time.monotonic() >= self.at

            def synchronize(self) -> None:
                time.sleep(max(self.at - time.monotonic(), 0.0))

            def elapsed_time(self, later: Event) -> float:
                return 1000 * (later.at - self.at)

        with (
            patch.object(torch.cuda, "Event", Event),
            patch.object(torch.cuda, "current_stream", lambda _: None),
            patch.object(Ring, "pin", lambda _: None),
        ):
            yield
