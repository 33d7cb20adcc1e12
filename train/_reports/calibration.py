"""Calibration: reliability diagrams, how confident the networks are, and what temperature scaling changes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from .page import Section
from .runs import Run
from .svg import Axis, Panel, style_of

UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
CONFIDENCE = Axis("confidence", 0, 1, UNIT)
SCALED = (
    ("ECE", "ece", 100, 1),
    ("Adaptive ECE", "adaptive_ece", 100, 1),
    ("Class-wise ECE", "classwise_ece", 100, 2),
    ("Smooth ECE", "smooth_ece", 100, 1),
    ("RMS", "rms_all_bins", 100, 1),
    ("RMS (ref.)", "rms_reference", 100, 1),
    ("NLL", "nll", 1, 3),
    ("Brier", "brier", 100, 1),
)
"""The measures that are shown before and after: heading, name in `metrics.json`, scale and decimals."""


def calibration(runs: Sequence[Run]) -> Section:
    """Reliability diagrams, how confident the networks are, and each error before and after temperature scaling."""
    measured = [
        (index, run, bins) for index, run in enumerate(runs) if (bins := run.entry("calibration", "reliability"))
    ]
    if not measured:
        return Section("calibration", "Calibration")
    panels = [_reliability("Reliability", measured)]
    sure = Panel("How confident the networks are", CONFIDENCE, Axis("share of images", 0, 1, UNIT))
    for index, run, bins in measured:
        total = sum(bins["count"])
        shares = [share / total for share in accumulate(bins["count"])]
        sure.line(_stairs(bins["confidence"], shares), style_of(index), run.name)
    scaled = [(index, run, bins) for index, run, _ in measured if (bins := run.entry("calibration", "reliability_ts"))]
    if scaled:
        panels.append(_reliability("Reliability after scaling", scaled))
    values = {"panels": [*panels, sure], "scaled": bool(scaled), **_table([run for _, run, _ in measured])}
    return Section("calibration", "Calibration", "calibration.html", values)


def _reliability(title: str, measured: Sequence[tuple[int, Run, dict[str, Any]]]) -> Panel:
    panel = Panel(title, CONFIDENCE, Axis("accuracy", 0, 1, UNIT))
    panel.line([(0, 0), (1, 1)], "ideal", "as confident as right")
    for index, run, bins in measured:
        points = list(zip(bins["confidence"], bins["accuracy"], strict=True))
        panel.line(points, style_of(index), run.name, dots=True)
    return panel


def _table(runs: Sequence[Run]) -> dict[str, Any]:
    """The errors before and after, for the runs that have a temperature; those that have none, and why."""
    fitted = [run for run in runs if run.value("calibration", "temperature") is not None]
    why = {run.name: run.entry("calibration", "temperature").get("undefined", "") for run in runs if run not in fitted}
    rows = [("Temperature", [{"after": f"{_value(run, 'temperature'):.2f}", "before": ""} for run in fitted])]
    for title, name, scale, decimals in SCALED:
        cells = [_cell(run, name, scale, decimals) for run in fitted]
        if any(cell["after"] != "–" for cell in cells):
            rows.append((title, cells))
    return {"names": [run.name for run in fitted], "rows": rows if fitted else [], "unfitted": why if fitted else {}}


def _value(run: Run, name: str) -> float:
    value = run.value("calibration", name)
    assert value is not None
    return value


def _cell(run: Run, name: str, scale: float, decimals: int) -> dict[str, str]:
    before, after = (run.value("calibration", measure) for measure in (name, f"{name}_ts"))
    texts = ["–" if value is None else f"{scale * value:.{decimals}f}" for value in (before, after)]
    return {"before": texts[0], "after": texts[1]}


def _stairs(edges: Sequence[float], heights: Sequence[float]) -> list[tuple[float, float]]:
    before = [0.0, *heights[:-1]]
    return [
        point for edge, low, high in zip(edges, before, heights, strict=True) for point in ((edge, low), (edge, high))
    ]
