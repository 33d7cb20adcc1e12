"""The results of a table: in the table's own shape, and as a line for each number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._reports.grids import Cell, Grid, as_text, csv_lines
from .columns import OUTLIERS
from .tables import GRID

Results = dict[str, Any]
CLOSE = "≈"
"""Stands behind what cannot be told from the best."""
COLUMNS = ("table", "row", "measure", "ours", "std", "low", "high", "seeds", "paper", "difference")
"""Of the CSV file; low and high are the ends of the interval."""


def grid(results: Results) -> Grid:
    """The table in the paper's shape: each cell has our number, and below it the paper's and the difference."""
    return LAYOUTS[results["layout"]](results)


def _rows(results: Results) -> Grid:
    rows = [(row["label"], [_cell(row, index) for index in range(len(row["cells"]))]) for row in results["rows"]]
    return _grid(results, [column["heading"] for column in results["columns"]], rows)


def _outliers(results: Results) -> Grid:
    """As Table 9: a line for each outlier set, the methods side by side."""
    headings = [f"{what} {row['label']} ↑" for what in ("AUROC", "AUPR") for row in results["rows"]]
    rows = []
    lines = (*OUTLIERS, "mean")
    for index, name in enumerate(lines):
        cells = [_cell(row, index + offset) for offset in (0, len(lines)) for row in results["rows"]]
        rows.append((name, cells))
    return _grid(results, headings, rows)


def _ks_and_betas(results: Results) -> Grid:
    """As Table 10: k to the right, β downwards, clean error above mCE."""
    by_name = {row["name"]: row for row in results["rows"]}
    ks, betas = (list(dict.fromkeys(pair[index] for pair in GRID)) for index in (0, 1))
    ks, betas = (
        [k for k in ks if any(f"k{k}-beta{beta}" in by_name for beta in betas)],
        [beta for beta in betas if any(f"k{k}-beta{beta}" in by_name for k in ks)],
    )
    if not ks:  # of rows of other tables alone
        return _rows(results)
    rows = []
    for beta in betas:
        for index, column in enumerate(results["columns"]):
            cells_of = [by_name.get(f"k{k}-beta{beta}") for k in ks]
            cells = [Cell("–") if row is None else _cell(row, index) for row in cells_of]
            rows.append((f"β = {beta}, {column['heading']}", cells))
    others = [row for row in results["rows"] if row["name"] not in {f"k{k}-beta{beta}" for k, beta in GRID}]
    notes = []
    for row in others:  # rows of other tables have no place in the grid
        values = [f"{c['heading']} {_cell(row, index).text}" for index, c in enumerate(results["columns"])]
        notes.append(f"{row['label']}: {', '.join(values)}")
    return _grid(results, [f"k = {k}" for k in ks], rows, notes)


LAYOUTS: dict[str, Callable[[Results], Grid]] = {"rows": _rows, "outliers": _outliers, "grid": _ks_and_betas}


def _grid(
    results: Results, headings: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]], notes: Sequence[str] = ()
) -> Grid:
    every = [cell for row in results["rows"] for cell in row["cells"]]
    key = ["bold: the best"]
    if any(cell["paper"] is not None for cell in every):
        key.insert(0, "below ours the paper's number and the difference")
    if any(cell["close"] for cell in every):
        key.append(f"{CLOSE}: its 95 % interval and the best's overlap")
    return Grid(results["title"], headings, rows, ["; ".join(key), *notes, *results["notes"]])


def _cell(row: dict[str, Any], index: int) -> Cell:
    cell = row["cells"][index]
    paper = "" if cell["paper"] is None else f"{cell['paper']:.1f}"
    if cell["mean"] is None:
        states = [problem["state"] for problem in row["problems"]]
        return Cell("failed" if "failed" in states else states[0] if states else "–", below=paper)
    text = f"{cell['mean']:.1f}" + ("" if cell["std"] is None else f" ± {cell['std']:.1f}")
    text += f" {CLOSE}" * cell["close"]
    # Plus zero, so that it is not −0.0.
    difference = "" if cell["difference"] is None else f" {round(cell['difference'], 1) + 0.0:+.1f}".replace("-", "−")
    return Cell(text, cell["best"], paper + difference)


def numbers(results: Results) -> str:
    """CSV with a line for each number of the table, at full precision."""
    lines: list[Sequence[object]] = [COLUMNS]
    for row in results["rows"]:
        for column, cell in zip(results["columns"], row["cells"], strict=True):
            ends = cell["interval"] or (None, None)
            values = [cell["mean"], cell["std"], *ends, len(cell["values"]), cell["paper"], cell["difference"]]
            shown = ["" if value is None else value for value in values]
            lines.append((results["table"], as_text(row["name"]), ".".join(column["measure"]), *shown))
    return csv_lines(lines)
