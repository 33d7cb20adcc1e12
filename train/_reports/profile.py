"""The safety measures against each other, and some against clean error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .measured import MEASURES, Measure
from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of

COMPARED = (
    ("clean", "error"),
    ("c", "mce"),
    ("cbar", "mce"),
    ("r", "error"),
    ("a", "error"),
    ("v2", "matched_frequency", "error"),
    ("sketch", "error"),
    ("dcc3", "mce"),
    ("w", "error"),
    ("cifar10_1", "error"),
    ("cifar10_2", "error"),
    ("cinic10", "imagenet", "error"),
    ("p", "mfr"),
    ("p", "mt5d"),
    ("adversaries", "pgd_error_corrected"),
    ("calibration", "rms_all_bins"),
    ("c", "rms_all_bins_by_corruption"),
    ("cbar", "rms_all_bins_by_corruption"),
    ("r", "rms_all_bins"),
    ("calibration", "augrc"),
    ("anomalies", "mean", "auroc"),
    ("anomalies", "mean", "aupr"),
    ("o", "auroc"),
)
"""One form of each measure: a second one says nothing more about safety."""

HIDES = 0.012
"""Share of an axis: marks that are closer than this are drawn below one another."""
TRADED = (
    ("c", "mce"),
    ("adversaries", "pgd_error_corrected"),
    ("calibration", "rms_all_bins"),
    ("anomalies", "mean", "auroc"),
)
"""The measures that are shown against clean error."""


@dataclass(frozen=True)
class _Row:
    """A measure as the figure shows it."""

    measure: Measure
    values: list[float | None]
    worst: float
    best: float
    near: bool
    """Whether the intervals of the best and the worst run overlap."""
    runs: Sequence[Run]

    def position(self, value: float) -> float:
        """Where a value lies between the worst (0) and the best (1)."""
        return max(0.0, (value - self.worst) / (self.best - self.worst))

    def text(self, value: float) -> str:
        """A value as it is shown."""
        return f"{value:.{self.measure.decimals}f}"

    def known(self) -> Iterator[tuple[int, str, float]]:
        """Index, name and value of each run that has one."""
        for index, (run, value) in enumerate(zip(self.runs, self.values, strict=True)):
            if value is not None:
                yield index, run.name, value

    @property
    def marks(self) -> list[dict[str, Any]]:
        """A mark for each run; one that would hide another is drawn below it."""
        marks: list[dict[str, Any]] = []
        before: list[float] = []
        for index, name, value in self.known():
            position = self.position(value)
            hidden = sum(abs(position - other) < HIDES for other in before)
            before.append(position)
            tip = f"{name}: {self.text(value)}"
            marks.append({"style": style_of(index), "left": f"{100 * position:.1f}", "top": 4 * hidden, "tip": tip})
        return marks

    @property
    def spoken(self) -> str:
        """The row in words, for screen readers."""
        return f"{self.measure.name}: " + ", ".join(f"{name} {self.text(value)}" for _, name, value in self.known())


def against_each_other(runs: Sequence[Run]) -> Section:
    """Each measure on an axis from the worst to the best of the runs, the better always on the right."""
    rows = [row for path in COMPARED if (row := _row(runs, MEASURES[path])) is not None]
    title = "The measures against each other" if len(runs) > 1 else "The measures at a glance"
    if len(rows) < 2:
        return Section("profile", title)
    values = {
        "rows": rows,
        "spoken": "; ".join(row.spoken for row in rows),
        "links": _links(runs, rows) if len(runs) > 1 else None,
        "trades": _trade_offs(runs),
    }
    return Section("profile", title, "profile.html", values)


def _row(runs: Sequence[Run], measure: Measure) -> _Row | None:
    scale = 100 if measure.percent else 1
    values = [None if (value := run.value(*measure.path)) is None else scale * value for run in runs]
    known = [value for value in values if value is not None]
    if not known:
        return None
    if len(runs) == 1:
        if not measure.percent:
            return None
        worst, best = (0.0, 100.0) if measure.higher_is_better else (100.0, 0.0)
        return _Row(measure, values, worst, best, False, runs)
    best, worst = (max(known), min(known)) if measure.higher_is_better else (min(known), max(known))
    if best == worst:
        return None
    first, last = (runs[values.index(end)].entry(*measure.path).get("interval") for end in (best, worst))
    near = first is not None and last is not None and first[0] <= last[1] and last[0] <= first[1]
    return _Row(measure, values, worst, best, near, runs)


def _links(runs: Sequence[Run], rows: Sequence[_Row]) -> list[tuple[str, str, str]]:
    """Style, path and name of each run's line, in a drawing 100 wide whose rows are 1 high."""
    links = []
    for index, run in enumerate(runs):
        path, pen = "", "M"
        for number, row in enumerate(rows):
            value = row.values[index]
            if value is None:
                pen = "M"
                continue
            path += f"{pen}{100 * row.position(value):.1f} {number + 0.5:g}"
            pen = "L"
        links.append((style_of(index), path, run.name))
    return links


def _trade_offs(runs: Sequence[Run]) -> list[Panel]:
    """Clean error against each of some other measures, a dot a run with its intervals."""
    panels = []
    for measure in map(MEASURES.__getitem__, TRADED):
        both = [
            (index, run)
            for index, run in enumerate(runs)
            if run.value("clean", "error") is not None and run.value(*measure.path) is not None
        ]
        if len(both) < 2:
            continue
        across = [_span(run, ("clean", "error")) for _, run in both]
        along = [_span(run, measure.path) for _, run in both]
        sides = _around(across, "clean error, per cent"), _around(along, "per cent")
        panel = Panel(measure.heading, *sides, size=(300, 230))
        for (index, run), x, y in zip(both, across, along, strict=True):
            name = f"{run.name}: clean error {x[1]:.1f}, {measure.name} {y[1]:.1f}"
            panel.dot((x[1], y[1]), style_of(index), name, ((x[0], x[2]), (y[0], y[2])))
        panels.append(panel)
    return panels


def _span(run: Run, path: tuple[str, ...]) -> tuple[float, float, float]:
    """Low end, value and high end of a measure's interval in per cent; the value three times where it has none."""
    entry = run.entry(*path)
    low, high = entry.get("interval", (entry["value"], entry["value"]))
    return 100 * low, 100 * entry["value"], 100 * high


def _around(spans: Sequence[tuple[float, float, float]], label: str) -> Axis:
    low, high = min(span[0] for span in spans), max(span[2] for span in spans)
    return axis(label, low, high)
