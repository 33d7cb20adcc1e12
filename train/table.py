"""The table of some runs: a row a run, a column a measure; errors become percentages here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .run_folder import RunFolder, read_json


@dataclass(frozen=True)
class Column:
    """A measure as the table shows it."""

    title: str
    path: tuple[str, ...]
    """Where its value lies in `metrics.json`."""
    higher_is_better: bool
    meaning: str


COLUMNS = (
    Column("Clean error", ("clean", "error"), False, "share of test pictures that are misclassified"),
    Column("RMS", ("calibration", "rms_all_bins"), False, "root mean square calibration error, all bins"),
    Column(
        "RMS ref.", ("calibration", "rms_reference"), False, "the same as the paper's code has it: last bin left out"
    ),
    Column("PGD error", ("adversaries", "pgd_error_corrected"), False, "under attack, ℓ∞ ball of 2/255, 20 steps"),
    Column(
        "PGD ref.", ("adversaries", "pgd_error_reference"), False, "the same as the paper's code has it: up to 4/255"
    ),
    Column("AUROC", ("anomalies", "mean", "auroc"), True, "anomaly detection, mean over the synthetic outlier sets"),
    Column("AUPR", ("anomalies", "mean", "aupr"), True, "the same as area under precision and recall"),
)


def read_runs(folders: Sequence[Path]) -> list[tuple[str, dict[str, Any]]]:
    """Name and `metrics.json` of each run; one that has not ended raises InputError."""
    return [(folder.name, read_json(RunFolder(folder).metrics)) for folder in folders]


def values(metrics: dict[str, Any]) -> list[float | None]:
    """The run's value in each column as a percentage; None where the run did not measure it."""
    found: list[float | None] = []
    for column in COLUMNS:
        part: Any = metrics
        for name in column.path:
            part = part.get(name, {})
        found.append(100 * part["value"] if "value" in part else None)
    return found


def best(rows: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The best value of each column, as shown; None where there is nothing to compare."""
    chosen: list[float | None] = []
    for place, column in enumerate(COLUMNS):
        known = [round(value, 1) for row in rows if (value := row[place]) is not None]
        choose = max if column.higher_is_better else min
        chosen.append(choose(known) if len(set(known)) > 1 else None)
    return chosen


def cells(rows: Sequence[Sequence[float | None]]) -> list[list[tuple[str, bool]]]:
    """Each value as text with one decimal, and whether it is its column's best."""
    top = best(rows)
    return [
        [
            ("–", False) if value is None else (f"{value:.1f}", round(value, 1) == mark)
            for value, mark in zip(row, top, strict=True)
        ]
        for row in rows
    ]


def heading(column: Column) -> str:
    """The column's title with the direction that is better."""
    return f"{column.title} {'↑' if column.higher_is_better else '↓'}"


def print_table(folders: Sequence[Path]) -> None:
    """Print the table, in per cent, the best of a column in bold."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    runs = read_runs(folders)
    caption = "in per cent; ↓ lower is better, ↑ higher; bold: the best"
    table = Table("run", *(heading(column) for column in COLUMNS), caption=caption, box=SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for (name, _), row in zip(runs, cells([values(metrics) for _, metrics in runs]), strict=True):
        table.add_row(name, *(f"[bold]{text}[/bold]" if mark else text for text, mark in row))
    Console().print(table)


def markdown(folders: Sequence[Path]) -> str:
    """The table in Markdown."""
    runs = read_runs(folders)
    lines = ["| run | " + " | ".join(heading(column) for column in COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for (name, _), row in zip(runs, cells([values(metrics) for _, metrics in runs]), strict=True):
        lines.append(f"| {name} | " + " | ".join(f"**{text}**" if mark else text for text, mark in row) + " |")
    return "\n".join(lines)
