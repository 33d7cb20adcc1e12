"""What the processes of a run decide together between two steps."""

from __future__ import annotations

import time
from typing import NamedTuple

from .._runs.processes import Processes

SECONDS = 0.5
"""About how long a request to stop waits for the processes to agree on it."""
MOST_STEPS = 50
"""Steps between two agreements, at most."""
_LATE = 1 << 40
"""More than any position."""


class Agreed(NamedTuple):
    """What holds if one process says so; the same in all of them."""

    stop: bool = False
    save: bool = False
    """Time for a checkpoint."""
    broken: bool = False
    """An image cannot be read."""
    not_finite: int | None = None
    """The first step whose loss was not finite."""


class Agreement:
    """Every few steps one integer of each kind is exchanged, as often as the first process finds it cheap."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.steps = self.left = 1
        self.since = time.monotonic()

    def due(self) -> bool:
        """Called once a step: whether this is one to agree at; the same in all processes."""
        self.left -= 1
        return self.left <= 0

    def agree(self, own: Agreed) -> Agreed:
        """What any of the processes says; all must call this."""
        if self.processes.world == 1:
            self.left = 1
            return own
        now = time.monotonic()
        taken = self.steps - max(self.left, 0)
        each = (now - self.since) / max(taken, 1)
        steps = min(max(int(SECONDS / max(each, 1e-6)), 1), MOST_STEPS) if self.processes.leads else 0
        late = 0 if own.not_finite is None else _LATE - own.not_finite
        stop, save, broken, found, steps = self.processes.most(own.stop, own.save, own.broken, late, steps)
        self.steps = self.left = steps
        self.since = now
        return Agreed(bool(stop), bool(save), bool(broken), _LATE - found if found else None)
