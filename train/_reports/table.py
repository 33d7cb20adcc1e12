"""The table of some runs and evaluations: what they measured, errors as percentages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._runs.records import read_metrics
from .._runs.run_folder import RunFolder
from .grids import Cell, Grid, show


@dataclass(frozen=True)
class Column:
    """A measure as the table shows it."""

    title: str
    path: tuple[str, ...]
    """Where its value lies in `metrics.json`."""
    meaning: str
    higher_is_better: bool = False
    percent: bool = True
    """Whether a fraction is shown in per cent, with one decimal; another number has two."""

    @property
    def decimals(self) -> int:
        """How many are shown."""
        return 1 if self.percent else 2


ALEXNET = "over AlexNet's, as ImageNet's tables have it"
COLUMNS = (
    Column("Clean error", ("clean", "error"), "share of test images that are misclassified"),
    Column("C mCE", ("c", "mce"), "mean error over the corruptions of C"),
    Column("C mCE/AlexNet", ("c", "mce_alexnet"), f"the same {ALEXNET}"),
    Column("C̄ error", ("cbar", "mce"), "mean error over the corruptions of C̄"),
    Column("R error", ("r", "error"), "share of ImageNet-R's renditions that are misclassified"),
    Column("mFR", ("p", "mfr"), "mean share of frames of a perturbation sequence at which the answer flips"),
    Column("mFR/AlexNet", ("p", "mfr_alexnet"), f"the same {ALEXNET}"),
    Column("mT5D", ("p", "mt5d"), "mean distance of the top five classes from frame to frame", percent=False),
    Column("mT5D/AlexNet", ("p", "mt5d_alexnet"), f"the same {ALEXNET}; these are good to about 1 %"),
    Column("PGD error", ("adversaries", "pgd_error_corrected"), "under attack; the paper's ball is ℓ∞ of 2/255"),
    Column("PGD ref.", ("adversaries", "pgd_error_reference"), "the same as the paper's code has it: up to 4/255"),
    Column("RMS", ("calibration", "rms_all_bins"), "root mean square calibration error, all bins"),
    Column("RMS ref.", ("calibration", "rms_reference"), "the same as the paper's code has it: last bin left out"),
    Column("RMS C", ("c", "rms_all_bins_by_corruption"), "mean over C's corruptions, their severities binned together"),
    Column("RMS C̄", ("cbar", "rms_all_bins_by_corruption"), "the same over C̄'s"),
    Column("RMS R", ("r", "rms_all_bins"), "on ImageNet-R"),
    Column("AUROC", ("anomalies", "mean", "auroc"), "anomaly detection, mean over the outlier sets", True),
    Column("AUPR", ("anomalies", "mean", "aupr"), "the same as area under precision and recall", True),
)

Row = Sequence[float | None]
"""A run's value in each of some columns, as shown; None where the run did not measure it."""


@dataclass(frozen=True)
class Table:
    """Runs by their values in the columns that at least one of them has or says why it has not."""

    names: list[str]
    columns: list[Column]
    rows: list[list[float | None]]

    def cells(self) -> list[list[tuple[str, bool]]]:
        """Each value as text, and whether it is its column's best."""
        marks = [_best(column, [row[index] for row in self.rows]) for index, column in enumerate(self.columns)]
        return [
            [
                ("–", False) if value is None else (f"{value:.{column.decimals}f}", value == mark)
                for value, mark, column in zip(row, marks, self.columns, strict=True)
            ]
            for row in self.rows
        ]


def make_table(runs: Sequence[tuple[str, dict[str, Any]]]) -> Table:
    """The table of (name, content of `metrics.json`)."""
    found = {column: [_value(metrics, column) for _, metrics in runs] for column in COLUMNS}
    told = {column for column in COLUMNS if any(why_absent(metrics, column) for _, metrics in runs)}
    kept = {column: values for column, values in found.items() if column in told or {*values} != {None}}
    rows = [[values[index] for values in kept.values()] for index in range(len(runs))]
    return Table([name for name, _ in runs], list(kept), rows)


def read_runs(folders: Sequence[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Name and `metrics.json` of each run; one that has not ended raises InputError."""
    return [(folder.resolve().name, read_metrics(RunFolder(folder).metrics)) for folder in folders]


def heading(column: Column) -> str:
    """The column's title with the direction that is better."""
    return f"{column.title} {'↑' if column.higher_is_better else '↓'}"


def as_grid(folders: Sequence[Path]) -> Grid:
    """The table of some runs for printing and writing, a run a line."""
    runs = read_runs(folders)
    table = make_table(runs)
    rows = [
        (name, [Cell(text, mark) for text, mark in cells])
        for name, cells in zip(table.names, table.cells(), strict=True)
    ]
    told = "in per cent but for mT5D; ↓ lower is better, ↑ higher" + ("; bold: the best" if len(folders) > 1 else "")
    return Grid("", list(map(heading, table.columns)), rows, [told, *_absences(runs)], corner="run")


def print_table(folders: Sequence[Path]) -> None:
    """Print the table, a measure a line and the best in bold: runs are fewer than measures, and terminals narrow."""
    show(as_grid(folders).transposed())


def _value(metrics: dict[str, Any], column: Column) -> float | None:
    """A run's value, rounded as shown."""
    part: Any = metrics
    for name in column.path:
        part = part.get(name, {})
    value = part.get("value", math.nan)
    return round(100 * value if column.percent else value, column.decimals) if math.isfinite(value) else None


def why_absent(metrics: dict[str, Any], column: Column) -> str:
    """The reason why a suite that was measured gave the column no value; empty where it did or says nothing."""
    part: Any = metrics
    for name in column.path:
        part = part.get(name, {})
    return part.get("undefined", "")


def _absences(runs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """A line for each value that is absent with a reason."""
    reasons = {(column.title, why_absent(metrics, column)): None for _, metrics in runs for column in COLUMNS}
    return [f"{title} –: {why}" for title, why in reasons if why]


def _best(column: Column, values: Row) -> float | None:
    """The best value; None where there is nothing to compare."""
    known = {value for value in values if value is not None}
    if len(known) < 2:
        return None
    return max(known) if column.higher_is_better else min(known)
