"""Learning curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of


def learning(runs: Sequence[Run]) -> Section:
    """Training loss and clean test error over the epochs, for the runs that have a log."""
    logged = [(index, run) for index, run in enumerate(runs) if run.log]
    if not logged:
        return Section("learning", "Learning")
    drawn = []
    for title, label, key, scale in (
        ("Training loss", "cross entropy", "loss", 1),
        ("Test error", "per cent", "test_error", 100),
    ):
        lines = {index: _line(run.log, key, scale) for index, run in logged}
        values = [value for line in lines.values() for _, value in line if math.isfinite(value)]
        last = max(epoch for line in lines.values() for epoch, _ in line)
        panel = Panel(title, _epochs(last), axis(label, 0, max(values, default=1)))
        for index, run in logged:
            panel.line(lines[index], style_of(index), f"{run.name}: {lines[index][-1][1]:.3g} at the end")
        drawn.append(panel)
    absent = [run.name for run in runs if not run.log]
    return Section("learning", "Learning", "learning.html", {"panels": drawn, "absent": absent})


def _line(log: Sequence[dict[str, Any]], key: str, scale: float) -> list[tuple[float, float]]:
    return [(entry["epoch"], scale * entry[key]) for entry in log]


def _epochs(last: float) -> Axis:
    """From the first epoch to the last; a single one is in the middle."""
    step = max(1, round(last / 6))
    ticks = tuple(float(epoch) for epoch in range(step if step > 1 else 1, int(last) + 1, step))
    return Axis("epoch", 1 if last > 1 else 0, last if last > 1 else 2, ticks)
