"""How sure a cell's mean is, and which cells of a column cannot be told from its best."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from .columns import Column


def interval(column: Column, measured: Sequence[dict[str, Any]]) -> list[float] | None:
    """The low and the high end of the 95 % interval of the mean over some runs, in the units of the tables.

    It holds both what other test images would change, which is the runs' own interval, and what other seeds would,
    which is Student's interval of the mean of several runs. None where there is neither.
    """
    values = [value for metrics in measured if (value := column.value(metrics)) is not None]
    found = [each for metrics in measured if (each := column.interval(metrics)) is not None]
    ends: list[tuple[float, float]] = []
    if values and len(found) == len(values):
        ends.append((statistics.fmean(low for low, _ in found), statistics.fmean(high for _, high in found)))
    if len(values) > 1:
        from scipy.special import stdtrit  # takes a while, and the tables' shapes are wanted for --help

        half = float(stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))
        mean = statistics.fmean(values)
        ends.append((mean - half, mean + half))
    # No measure is negative, and only one relative to another network's can exceed all there is.
    most = 100.0 if column.measure.percent and column.relative is None else math.inf
    return [max(min(low for low, _ in ends), 0.0), min(max(high for _, high in ends), most)] if ends else None


def mark(cells: Sequence[dict[str, Any]], higher_is_better: bool) -> None:
    """Write into each cell of a column whether it is the best, and whether its interval and the best's overlap.

    Best are all that look like the best mean in the table, where there is more than one mean.
    """
    known = [cell["mean"] for cell in cells if cell["mean"] is not None]
    best = (max if higher_is_better else min)(known) if len(known) > 1 else None
    intervals = [cell["interval"] for cell in cells if best is not None and cell["mean"] == best]
    for cell in cells:
        cell["best"] = best is not None and cell["mean"] is not None and _shown(cell["mean"]) == _shown(best)
        cell["close"] = not cell["best"] and any(_overlap(cell["interval"], other) for other in intervals)


def _shown(value: float) -> float:
    return round(value, 1)


def _overlap(one: list[float] | None, other: list[float] | None) -> bool:
    return one is not None and other is not None and one[0] <= other[1] and other[0] <= one[1]
