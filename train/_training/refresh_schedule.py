"""When Iterative's pool is refreshed: every so many steps, or as often as a budget of time allows."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

MEASURED = 10
"""Refreshes that are timed before a budget sets how many steps lie between two."""


class Schedule:
    """When the pool is refreshed: every so many steps, as told or, once enough is measured, as a budget of time allows.

    Args:
        agree: makes all processes' numbers of steps one; each calls it at the same step.
    """

    def __init__(self, every: int, budget: float | None, agree: Callable[[int], int]) -> None:
        self.every, self.budget, self.agree = every, budget, agree
        self.since = 0
        """Steps since the last refresh."""
        self.refreshes = 0
        """How many there were: the number, from 1 on, of the last one."""
        self.refresh_times: list[float] = []
        self.step_times: deque[float] = deque(maxlen=1000)
        self.epoch_refreshes, self.epoch_seconds = 0, 0.0

    @property
    def due(self) -> bool:
        """Whether a refresh comes before the next step."""
        return self.since >= self.every

    @property
    def left(self) -> int:
        """Steps up to the next refresh, the last one that was counted included: it is at hand."""
        return max(self.every - self.since + 1, 1)

    @property
    def measures(self) -> bool:
        """Whether times are still wanted."""
        return self.budget is not None and self.refreshes < MEASURED

    def step(self) -> None:
        """Count a step."""
        self.since += 1

    def refreshed(self, seconds: float) -> None:
        """Count a refresh that took so long; the last one that is measured sets `every`."""
        measured = self.measures
        self.since, self.refreshes = 0, self.refreshes + 1
        self.epoch_refreshes, self.epoch_seconds = self.epoch_refreshes + 1, self.epoch_seconds + seconds
        if measured:
            self.refresh_times.append(seconds)
            if not self.measures:
                self.every = self.agree(self._affordable())
                self.refresh_times.clear()
                self.step_times.clear()

    def _affordable(self) -> int:
        """The fewest steps between refreshes such that these take at most the budget's share of the time of both."""
        assert self.budget is not None
        if not self.step_times:
            return self.every
        refresh, step = statistics.median(self.refresh_times), statistics.median(self.step_times)
        return max(1, math.ceil(refresh * (1 - self.budget) / (self.budget * step)))

    def end_epoch(self) -> tuple[int, float]:
        """How many refreshes the epoch had, and the seconds they took; the next one begins with none."""
        ended = self.epoch_refreshes, self.epoch_seconds
        self.epoch_refreshes, self.epoch_seconds = 0, 0.0
        return ended

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        names = ("every", "since", "refreshes", "refresh_times", "epoch_refreshes", "epoch_seconds")
        return {**{name: getattr(self, name) for name in names}, "step_times": list(self.step_times)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, deque(value, self.step_times.maxlen) if name == "step_times" else value)
