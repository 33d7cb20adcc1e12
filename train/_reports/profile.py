"""The figure that shows the safety measures against each other, and each against clean error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .measured import joined
from .page import Section, panels, paragraph
from .runs import Run
from .svg import Axis, Panel, axis, style_of
from .table import COLUMNS, Column, heading

SHOWN = (
    ("clean", "error"),
    ("c", "mce"),
    ("cbar", "mce"),
    ("r", "error"),
    ("p", "mfr"),
    ("p", "mt5d"),
    ("adversaries", "pgd_error_corrected"),
    ("calibration", "rms_all_bins"),
    ("c", "rms_all_bins_by_corruption"),
    ("cbar", "rms_all_bins_by_corruption"),
    ("r", "rms_all_bins"),
    ("anomalies", "mean", "auroc"),
    ("anomalies", "mean", "aupr"),
)
"""One form of each measure: a second form says nothing about safety that the first does not."""

HIDES = 0.012
"""Share of an axis: marks that lie closer are drawn below one another."""
TRADED = (
    ("c", "mce"),
    ("adversaries", "pgd_error_corrected"),
    ("calibration", "rms_all_bins"),
    ("anomalies", "mean", "auroc"),
)
"""What is shown against clean error."""


@dataclass(frozen=True)
class _Row:
    """A measure as the figure shows it."""

    column: Column
    values: list[float | None]
    worst: float
    best: float
    near: bool
    """Whether the intervals of the best and the worst run overlap."""

    def position(self, value: float) -> float:
        """Where a value lies between the worst (0) and the best (1)."""
        return max(0.0, (value - self.worst) / (self.best - self.worst))


def against_each_other(runs: Sequence[Run]) -> Section:
    """Each measure on an axis from the worst to the best of the runs, the better always on the right."""
    columns = {column.path: column for column in COLUMNS}
    rows = [row for path in SHOWN if path in columns and (row := _row(runs, columns[path])) is not None]
    title = "The measures against each other" if len(runs) > 1 else "The measures at a glance"
    if len(rows) < 2:
        return Section("profile", title, "")
    body = (
        paragraph(_explanation(runs, rows))
        + f'<div class="profile" role="img" aria-label="{escape(_in_words(runs, rows))}">\n'
        + "\n".join(_measure(row, runs) for row in rows)
        + (f"\n{_links(runs, rows)}</div>\n" if len(runs) > 1 else "\n</div>\n")
    )
    return Section("profile", title, body + _trade_offs(runs))


def _row(runs: Sequence[Run], column: Column) -> _Row | None:
    scale = 100 if column.percent else 1
    found = [run.value(*column.path) for run in runs]
    values = [None if value is None or not math.isfinite(value) else scale * value for value in found]
    known = [value for value in values if value is not None]
    if not known:
        return None
    if len(runs) == 1:
        if not column.percent:
            return None
        worst, best = (0.0, 100.0) if column.higher_is_better else (100.0, 0.0)
        return _Row(column, values, worst, best, False)
    best, worst = (max(known), min(known)) if column.higher_is_better else (min(known), max(known))
    if best == worst:
        return None
    first, last = (runs[values.index(end)].entry(*column.path).get("interval") for end in (best, worst))
    near = first is not None and last is not None and first[0] <= last[1] and last[0] <= first[1]
    return _Row(column, values, worst, best, near)


def _explanation(runs: Sequence[Run], rows: Sequence[_Row]) -> str:
    if len(runs) == 1:
        return "Each measure in per cent on an axis from the worst that can be (left) to the best (right)."
    near = (
        " Where the axis is dashed, the 95 % intervals of the two ends overlap: there the order may be chance."
        if any(row.near for row in rows)
        else ""
    )
    return (
        "Each measure on an axis of its own, from the worst of these runs (left) to the best (right), so that better "
        "is always to the right: a run whose line stays right is safe in every respect, one that swings pays for one "
        f"measure with another. The numbers are those of the two ends; an axis may span little.{near}"
    )


def _measure(row: _Row, runs: Sequence[Run]) -> str:
    decimals, marks = row.column.decimals, ""
    before: list[float] = []
    for number, (run, value) in enumerate(zip(runs, row.values, strict=True)):
        if value is None:
            continue
        position = row.position(value)
        hidden = sum(abs(position - other) < HIDES for other in before)
        before.append(position)
        marks += (
            f'<span class="mark {style_of(number)}" style="left:{100 * position:.1f}%;top:{4 * hidden}px" '
            f'title="{escape(run.name)}: {value:.{decimals}f}"></span>'
        )
    small = "" if row.column.percent else "<small>not in per cent</small>"
    near = " near" if row.near else ""
    return (
        f'<div class="measure{near}"><span class="what">{joined(row.column)}{small}</span>'
        f'<span class="end">{row.worst:.{decimals}f}</span><div class="track">{marks}</div>'
        f'<span class="end">{row.best:.{decimals}f}</span></div>'
    )


def _links(runs: Sequence[Run], rows: Sequence[_Row]) -> str:
    """The lines of the runs, in a drawing that is stretched over the tracks; in rows of height 1."""
    lines = []
    for index, run in enumerate(runs):
        path, pen = "", "M"
        for number, row in enumerate(rows):
            value = row.values[index]
            if value is None:
                pen = "M"
                continue
            path += f"{pen}{100 * row.position(value):.1f} {number + 0.5:g}"
            pen = "L"
        lines.append(f'<path class="line {style_of(index)}" d="{path}"><title>{escape(run.name)}</title></path>')
    return (
        f'<svg class="links" viewBox="0 0 100 {len(rows)}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(lines)}</svg>"
    )


def _trade_offs(runs: Sequence[Run]) -> str:
    """Clean error against each of the other measures, a dot a run with its intervals."""
    drawn = []
    for column in COLUMNS:
        if column.path not in TRADED:
            continue
        both = [
            (index, run)
            for index, run in enumerate(runs)
            if run.value("clean", "error") is not None and run.value(*column.path) is not None
        ]
        if len(both) < 2:
            continue
        across = [_span(run, ("clean", "error")) for _, run in both]
        along = [_span(run, column.path) for _, run in both]
        sides = _around(across, "clean error, per cent"), _around(along, "per cent")
        panel = Panel(heading(column), *sides, size=(300, 230))
        for (index, run), x, y in zip(both, across, along, strict=True):
            name = f"{run.name}: clean error {x[1]:.1f}, {column.title} {y[1]:.1f}"
            panel.dot((x[1], y[1]), style_of(index), name, ((x[0], x[2]), (y[0], y[2])))
        drawn.append(panel)
    if not drawn:
        return ""
    caption = "What is paid in clean error, across, for each other measure; the bars are 95 % intervals."
    return f"<h3>Against clean error</h3>\n{panels(drawn, caption, style='four')}"


def _span(run: Run, path: tuple[str, ...]) -> tuple[float, float, float]:
    """Low end, value and high end of a measure's interval in per cent; all the value where it has none."""
    entry = run.entry(*path)
    low, high = entry.get("interval", (entry["value"], entry["value"]))
    return 100 * low, 100 * entry["value"], 100 * high


def _around(spans: Sequence[tuple[float, float, float]], label: str) -> Axis:
    low, high = min(span[0] for span in spans), max(span[2] for span in spans)
    return axis(label, low, high)


def _in_words(runs: Sequence[Run], rows: Sequence[_Row]) -> str:
    parts = []
    for row in rows:
        values = ", ".join(
            f"{run.name} {value:.{row.column.decimals}f}"
            for run, value in zip(runs, row.values, strict=True)
            if value is not None
        )
        parts.append(f"{row.column.title}: {values}")
    return "; ".join(parts)
