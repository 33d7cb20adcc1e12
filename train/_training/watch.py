"""Watching the loss without waiting for the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

EVERY = 25
"""Steps whose losses are fetched together; they are read that many steps later, so within 50."""


class LossWatch:
    """Finds the step since which the loss is not finite.

    The sum of an epoch's losses, once it is not finite, never is again. Its value after each step is kept on the
    device and copied to the host in pieces, asynchronously; a piece is read when the next one is complete. By then the
    device has long done it, and has work for another 25 steps.

    Args:
        loss_sum: () float64, to which each step adds its loss.
    """

    def __init__(self, loss_sum: Tensor) -> None:
        self.loss_sum = loss_sum
        on_gpu = loss_sum.device.type == "cuda"
        self.sums = torch.zeros(EVERY, dtype=torch.float64, device=loss_sum.device)
        self.host = torch.zeros(EVERY, dtype=torch.float64, pin_memory=on_gpu)
        self.copied = torch.cuda.Event() if on_gpu else None
        self.count = self.sent = 0
        """Steps noted since the last copy; and how many it has."""
        self.last = self.last_sent = 0
        """The position of the last step noted; and of the last in the copy."""
        self.told: Callable[[int, Sequence[float]], None] | None = None
        """Is given the sums that have been fetched, from that position on."""
        self.found: int | None = None
        """The position of the first step whose loss was not finite."""

    def begin(self) -> None:
        """An epoch begins, or is resumed: the sum is finite."""
        self.count = self.sent = 0
        self.found = None

    def note(self, position: int) -> None:
        """The step at this position has been launched."""
        self.sums[self.count].copy_(self.loss_sum)
        self.count, self.last = self.count + 1, position
        if self.count == EVERY:
            self._read()
            self._send()

    def look(self) -> int | None:
        """As `found`, after waiting for the device."""
        self._read()
        self._send()
        self._read()
        return self.found

    def _send(self) -> None:
        if self.count:
            self.host.copy_(self.sums, non_blocking=True)
            if self.copied is not None:
                self.copied.record()
        self.sent, self.last_sent, self.count = self.count, self.last, 0

    def _read(self) -> None:
        if self.copied is not None and self.sent:
            self.copied.synchronize()
        odd = (~self.host[: self.sent].isfinite()).nonzero()
        if self.found is None and len(odd):
            self.found = self.last_sent - self.sent + 1 + int(odd[0])
        if self.told is not None and self.sent:
            self.told(self.last_sent - self.sent + 1, self.host[: self.sent].tolist())
        self.sent = 0
