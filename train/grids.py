"""A table of texts: to the terminal, as Markdown, as LaTeX, as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from mixset.console import plain_stream
from mixset.errors import InputError, printable
from mixset.partials import write_atomically


@dataclass(frozen=True)
class Cell:
    """What stands in a cell."""

    text: str
    best: bool = False
    below: str = ""
    """A second line, in smaller letters where there are any."""


@dataclass(frozen=True)
class Grid:
    """A table with a heading for each column, a label for each row, and notes below it."""

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    notes: Sequence[str] = ()
    corner: str = ""
    """What the rows are."""

    def transposed(self) -> Grid:
        """With a row for each column."""
        columns = zip(*(cells for _, cells in self.rows), strict=True)
        rows = list(zip(self.headings, columns, strict=True))
        return Grid(self.title, [label for label, _ in self.rows], rows, self.notes)


def show(grid: Grid) -> None:
    """Print to the terminal; a table that is too wide for it is turned if that helps, and nothing is cut off."""
    from rich.console import Console

    stream = plain_stream(sys.stdout)
    console = Console(file=stream)
    if _least(grid) > console.width:
        grid = min(grid, grid.transposed(), key=_least)
    Console(file=stream, width=max(console.width, _least(grid))).print(_rich(grid))
    for note in grid.notes:
        console.print(printable(note), style="dim", markup=False, highlight=False)


def _least(grid: Grid) -> int:
    """Columns of a terminal that hold the labels and the cells, with the headings broken as they need."""
    label = max((cell_len(label) for label, _ in grid.rows), default=0)
    return 2 + sum(3 + width for width in (label, *_widths(grid)))


def _widths(grid: Grid) -> list[int]:
    """Of each column the longest line in a cell."""
    return [
        max((cell_len(text) for _, cells in grid.rows for text in (cells[place].text, cells[place].below)), default=0)
        for place in range(len(grid.headings))
    ]


def _rich(grid: Grid) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape as markup
    from rich.table import Table

    def escape(text: str) -> str:
        return markup(printable(text))

    table = Table(title=escape(grid.title) or None, title_justify="left", box=SIMPLE_HEAD)
    table.add_column(no_wrap=True)
    for heading, width in zip(grid.headings, _widths(grid), strict=True):
        table.add_column(escape(heading), justify="right", overflow="fold", min_width=width)
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = f"[bold]{escape(cell.text)}[/bold]" if cell.best else escape(cell.text)
            shown.append(text.replace(" ", "\u00a0") + (f"\n[dim]{escape(cell.below)}[/dim]" if cell.below else ""))
        table.add_row(escape(label), *shown)
    return table


def markdown(grid: Grid) -> str:
    """A pipe table, best in bold; a second line follows a <br>."""
    lines = [f"**{_pipes(grid.title)}**", ""] if grid.title else []
    lines.append(f"| {grid.corner} | " + " | ".join(map(_pipes, grid.headings)) + " |")
    lines.append("|---" + "|---:" * len(grid.headings) + "|")
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = f"**{_pipes(cell.text)}**" if cell.best else _pipes(cell.text)
            shown.append(text + (f"<br>{_pipes(cell.below)}" if cell.below else ""))
        lines.append(f"| {_pipes(label)} | " + " | ".join(shown) + " |")
    notes = [f"- {note}" for note in grid.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _pipes(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"±": r"$\pm$", "β": r"$\beta$", "ℓ": r"$\ell$", "∞": r"$\infty$", "↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    **{"−": "$-$", "–": "--", "C̄": r"$\bar{C}$"},
}


def latex(grid: Grid) -> str:
    """A table for a paper; needs the packages booktabs and makecell."""
    lines = [
        r"% \usepackage{booktabs,makecell}",
        r"\begin{table}",
        *([rf"\caption{{{_tex(grid.title)}}}"] if grid.title else []),
        r"\begin{tabular}{l" + "r" * len(grid.headings) + "}",
        r"\toprule",
        f"{_tex(grid.corner)} & "
        + " & ".join(rf"\makecell[r]{{{_tex(heading)}}}" for heading in grid.headings)
        + r" \\",
        r"\midrule",
    ]
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = rf"\textbf{{{_tex(cell.text)}}}" if cell.best else _tex(cell.text)
            below = rf"\\ \scriptsize {_tex(cell.below)}" if cell.below else ""
            shown.append(rf"\makecell[r]{{{text}{below}}}" if below else text)
        lines.append(f"{_tex(label)} & " + " & ".join(shown) + r" \\")
    notes = [rf"\\ \footnotesize {_tex(note)}" for note in grid.notes]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes, r"\end{table}"]) + "\n"


def _tex(text: str) -> str:
    text = text.replace("C̄", "\ue000").replace("\n", " ")
    return "".join(_LATEX["C̄"] if char == "\ue000" else _LATEX.get(char, char) for char in text)


def comma_separated(grid: Grid) -> str:
    """A line for each row, the first lines of the cells alone."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([grid.corner, *grid.headings])
    for label, cells in grid.rows:
        writer.writerow([label, *(cell.text for cell in cells)])
    return out.getvalue()


FORMATS = {".md": markdown, ".tex": latex, ".csv": comma_separated}


def write(grid: Grid, path: Path) -> Path:
    """Write in the format that the file's name ends in; InputError where it is none of FORMATS."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: must end in {', '.join(FORMATS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, FORMATS[path.suffix](grid).encode())
    return path
