"""Learning curves and calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of

UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


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


def calibration(runs: Sequence[Run]) -> Section:
    """Reliability diagrams, and how confident the networks are."""
    measured = [
        (index, run, bins) for index, run in enumerate(runs) if (bins := run.entry("calibration", "reliability"))
    ]
    if not measured:
        return Section("calibration", "Calibration")
    confidence = Axis("confidence", 0, 1, UNIT)
    reliability = Panel("Reliability", confidence, Axis("accuracy", 0, 1, UNIT))
    reliability.line([(0, 0), (1, 1)], "ideal", "as confident as right")
    sure = Panel("How confident the networks are", confidence, Axis("share of images", 0, 1, UNIT))
    for index, run, bins in measured:
        points = list(zip(bins["confidence"], bins["accuracy"], strict=True))
        reliability.line(points, style_of(index), run.name, dots=True)
        total = sum(bins["count"])
        shares = [share / total for share in accumulate(bins["count"])]
        sure.line(_stairs(bins["confidence"], shares), style_of(index), run.name)
    return Section("calibration", "Calibration", "calibration.html", {"panels": [reliability, sure]})


def _stairs(edges: Sequence[float], heights: Sequence[float]) -> list[tuple[float, float]]:
    before = [0.0, *heights[:-1]]
    return [
        point for edge, low, high in zip(edges, before, heights, strict=True) for point in ((edge, low), (edge, high))
    ]
