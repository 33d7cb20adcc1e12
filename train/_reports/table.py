"""The table of some runs and evaluations, for the terminal, for a file and for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixset._common.errors import InputError, counted
from pixmix._common.precisions import precision_of

from .._runs.records import read_metrics
from .._runs.run_folder import RunFolder
from .grids import Cell, Grid, show
from .measured import SHOWN, Measure
from .page import Section
from .runs import Run

Row = Sequence[float | None]
"""A run's value of each measure, as shown; None where the run did not measure it."""


@dataclass(frozen=True)
class Table:
    """Runs by the measures that at least one of them has a value for, or a reason why it has none."""

    names: list[str]
    measures: list[Measure]
    rows: list[list[float | None]]

    def cells(self) -> list[list[tuple[str, bool]]]:
        """Each value as text, and whether it is the best of its measure."""
        best = [_best(measure, [row[index] for row in self.rows]) for index, measure in enumerate(self.measures)]
        return [
            [
                ("–", False) if value is None else (f"{value:.{measure.decimals}f}", value == mark)
                for value, mark, measure in zip(row, best, self.measures, strict=True)
            ]
            for row in self.rows
        ]


def make_table(runs: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    """The table of (name, content of `metrics.json`)."""
    values = {measure: [_value(metrics, measure) for _, metrics in runs] for measure in SHOWN}
    explained = {measure for measure in SHOWN if any(why_absent(metrics, measure) for _, metrics in runs)}
    kept = {measure: each for measure, each in values.items() if measure in explained or {*each} != {None}}
    rows = [[each[index] for each in kept.values()] for index in range(len(runs))]
    return Table([name for name, _ in runs], list(kept), rows)


def read_runs(folders: Sequence[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Name and `metrics.json` of each run; one that has not ended raises InputError."""
    return [(folder.resolve().name, read_metrics(RunFolder(folder).metrics)) for folder in folders]


def one_precision(runs: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """The number format that (name, content of `metrics.json`) were all measured in.

    Raises:
        InputError: they were measured in different ones, so that no table has them side by side.
    """
    found: dict[str, str] = {}
    for name, metrics in runs:
        found.setdefault(precision_of(metrics), name)
    if len(found) > 1:
        (one, first), (other, second) = found.items()
        raise InputError(
            f"{first} is measured in {one}, {second} in {other}: they stand in no table side by side; measure one of "
            "them as the other is (`pixmix evaluate --eval-precision`)"
        )
    return next(iter(found), "float32")


def as_grid(folders: Sequence[Path]) -> Grid:
    """The table of some runs for printing and writing, a run a line."""
    runs = read_runs(folders)
    table = make_table(runs)
    rows = [
        (name, [Cell(text, mark) for text, mark in cells])
        for name, cells in zip(table.names, table.cells(), strict=True)
    ]
    units = f"in per cent{except_for(table.measures)}; ↓ lower is better, ↑ higher is better"
    units += "; bold: the best" if len(folders) > 1 else ""
    units += "; measured in bfloat16" if one_precision(runs) == "bf16" else ""
    if not table.measures:
        units = "none of a table's measures; what was measured is in metrics.json and on the page of `pixmix report`"
    return Grid("", [measure.heading for measure in table.measures], rows, [units, *_absences(runs)], corner="run")


def print_table(folders: Sequence[Path]) -> None:
    """Print the table, a measure a line and the best in bold: runs are fewer than measures, and terminals narrow."""
    show(as_grid(folders).transposed())


def print_differences(folder: Path, float32: Path) -> None:
    """Print each measure of a folder in bfloat16 beside the same network's in float32, and their difference."""
    show(differences(read_metrics(RunFolder(folder).metrics), read_metrics(RunFolder(float32).metrics)))


def differences(rounded: dict[str, Any], float32: dict[str, Any]) -> Grid:
    """The measures of two `metrics.json` of one network, in bfloat16 and in float32, with two more decimals."""
    rows, alone = [], []
    for measure in SHOWN:
        one, other = (_entry(metrics, measure).get("value", math.nan) for metrics in (rounded, float32))
        if math.isfinite(one) and math.isfinite(other):
            scale = 100 if measure.percent else 1
            texts = [f"{scale * value:.{measure.decimals + 2}f}" for value in (one, other)]
            rows.append((measure.name, [*map(Cell, texts), Cell(f"{scale * (one - other):+.{measure.decimals + 2}f}")]))
        elif math.isfinite(one):
            alone.append(measure.name)
    notes = [f"not measured in float32: {', '.join(alone)}"] if alone else []
    return Grid("What bfloat16 changes", ["bf16", "float32", "difference"], rows, notes)


def measures(runs: Sequence[Run]) -> Section:
    """Every measure of every run with its 95 % interval, for the page."""
    table = make_table([(run.name, run.metrics) for run in runs])
    rows = [
        (measure, [_cell(run, measure, *cell) for run, cell in zip(runs, cells, strict=True)])
        for measure, cells in zip(table.measures, zip(*table.cells(), strict=True), strict=True)
    ]
    values = {"names": table.names, "rows": rows, "others": except_for(table.measures)}
    return Section("measures", "Measures", "measures.html", values)


def except_for(measures: Sequence[Measure]) -> str:
    """Which measures of a table are not in per cent, to follow "in per cent"; empty where all are."""
    *rest, last = ["", *(measure.name for measure in measures if not measure.percent)]
    return f", except for {' and '.join(filter(None, [', '.join(rest[1:]), last]))}" if last else ""


def _cell(run: Run, measure: Measure, text: str, best: bool) -> dict[str, str]:
    entry = run.entry(*measure.path)
    low, high = ((100 if measure.percent else 1) * end for end in entry.get("interval", (0, 0)))
    return {
        "text": text,
        "interval": f"{low:.{measure.decimals}f} – {high:.{measure.decimals}f}" if entry.get("interval") else "",
        "style": "best" if best else "none" if text == "–" else "",
        "tip": entry.get("undefined", counted(entry["n"], "image") if "n" in entry else ""),
    }


def _value(metrics: dict[str, Any], measure: Measure) -> float | None:
    """A run's value, rounded as shown."""
    value = _entry(metrics, measure).get("value", math.nan)
    return round(100 * value if measure.percent else value, measure.decimals) if math.isfinite(value) else None


def why_absent(metrics: dict[str, Any], measure: Measure) -> str:
    """Why a suite that was measured gave no value of the measure; empty where it gave one or no reason."""
    return _entry(metrics, measure).get("undefined", "")


def _entry(metrics: dict[str, Any], measure: Measure) -> dict[str, Any]:
    part: Any = metrics
    for name in measure.path:
        part = part.get(name, {})
    return part


def _absences(runs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """A line for each value that is absent with a reason."""
    reasons = {(measure.name, why_absent(metrics, measure)): None for _, metrics in runs for measure in SHOWN}
    return [f"{name} –: {why}" for name, why in reasons if why]


def _best(measure: Measure, values: Row) -> float | None:
    """The best value; None where there is nothing to compare."""
    known = {value for value in values if value is not None}
    if len(known) < 2:
        return None
    return max(known) if measure.higher_is_better else min(known)
