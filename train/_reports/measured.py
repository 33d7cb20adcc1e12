"""The table of measures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .page import Section, details, paragraph, table
from .runs import Run
from .table import Column, heading, make_table


def measured(runs: Sequence[Run]) -> Section:
    """Every measure of every run with its 95 % interval."""
    made = make_table([(run.name, run.metrics) for run in runs])
    rows = []
    for column, cells in zip(made.columns, zip(*made.cells(), strict=True), strict=True):
        name = f'<span title="{escape(column.meaning)}">{joined(column)}</span>'
        rows.append((name, [_cell(run, column, *cell) for run, cell in zip(runs, cells, strict=True)]))
    meanings = "".join(f"<dt>{joined(column)}</dt><dd>{escape(column.meaning)}</dd>" for column in made.columns)
    but = " but for mT5D" if any(not column.percent for column in made.columns) else ""
    marked = "; the best of each measure is marked" if len(runs) > 1 else ""
    small = "Small: the 95 % interval over the test images, for this one training."
    if not rows:
        return Section("measures", "Measures", paragraph("Nothing of the table was measured."))
    body = (
        paragraph(f"In per cent{but}{marked}. ↓ lower is better, ↑ higher. {small}")
        + table(["", *(escape(name) for name in made.names)], rows)
        + details("What the measures mean", f"<dl>{meanings}</dl>\n")
    )
    return Section("measures", "Measures", body)


def joined(column: Column) -> str:
    """Its heading, whose arrow never stands on a line of its own."""
    return "\u00a0".join(heading(column).rsplit(" ", 1))


def _cell(run: Run, column: Column, text: str, best: bool) -> str:
    entry = run.entry(*column.path)
    scale = 100 if column.percent else 1
    interval = entry.get("interval")
    small = (
        f"<small>{scale * interval[0]:.{column.decimals}f} – {scale * interval[1]:.{column.decimals}f}</small>"
        if interval
        else ""
    )
    about = f"{entry['n']:,} images" if "n" in entry else ""
    about = escape(entry["undefined"]) if "undefined" in entry else about
    images = f' title="{about}"' if about else ""
    style = ' class="best"' if best else ' class="none"' if text == "–" else ""
    return f"<td{style}{images}>{text}{small}</td>"
