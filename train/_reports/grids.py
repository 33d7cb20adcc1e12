"""A table of texts: to the terminal, as Markdown, as LaTeX, as CSV."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from mixset._common.console import displayable, plain_stream
from mixset._common.errors import InputError, printable
from mixset._common.files import write_file


@dataclass(frozen=True)
class Cell:
    """The content of a cell."""

    text: str
    best: bool = False
    below: str = ""
    """A second line, smaller where the format has smaller letters."""


@dataclass(frozen=True)
class Grid:
    """A table with a heading for each column, a label for each row, and notes below it."""

    title: str
    headings: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    notes: Sequence[str] = ()
    corner: str = ""
    """The heading above the rows' labels."""

    def transposed(self) -> Grid:
        """With a row for each column."""
        columns = zip(*(cells for _, cells in self.rows), strict=True)
        rows = list(zip(self.headings, columns, strict=True))
        return Grid(self.title, [label for label, _ in self.rows], rows, self.notes)

    def mapped(self, change: Callable[[str], str]) -> Grid:
        """With every text changed by `change`, as an output format needs it."""
        rows = [
            (change(label), [Cell(change(cell.text), cell.best, change(cell.below)) for cell in cells])
            for label, cells in self.rows
        ]
        title, *headings, corner = map(change, (self.title, *self.headings, self.corner))
        return Grid(title, headings, rows, list(map(change, self.notes)), corner)


def show(grid: Grid) -> None:
    """Print to the terminal; a table that is too wide for it is turned if that helps, and nothing is cut off."""
    from rich.console import Console

    stream = plain_stream(sys.stdout)
    grid = grid.mapped(lambda text: displayable(printable(text), stream))
    console = Console(file=stream)
    if _least(grid) > console.width:
        grid = min(grid, grid.transposed(), key=_least)
    Console(file=stream, width=max(console.width, _least(grid))).print(_rich(grid, displayable("\u00a0", stream)))
    for note in grid.notes:
        console.print(note, style="dim", markup=False, highlight=False)


def _least(grid: Grid) -> int:
    """The fewest columns of a terminal that hold the labels and the cells, with headings broken as needed."""
    label = max((cell_len(label) for label, _ in grid.rows), default=0)
    return 2 + sum(3 + width for width in (label, *_widths(grid)))


def _widths(grid: Grid) -> list[int]:
    """The longest line in the cells of each column."""
    return [
        max((cell_len(text) for _, cells in grid.rows for text in (cells[index].text, cells[index].below)), default=0)
        for index in range(len(grid.headings))
    ]


def _rich(grid: Grid, space: str) -> Any:
    """The table as rich prints it; `space` joins words that must stay on one line."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape as plain
    from rich.table import Table

    table = Table(title=plain(grid.title) or None, title_justify="left", box=SIMPLE_HEAD)
    table.add_column(no_wrap=True)
    for heading, width in zip(grid.headings, _widths(grid), strict=True):
        table.add_column(plain(heading), justify="right", overflow="fold", min_width=width)
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = f"[bold]{plain(cell.text)}[/bold]" if cell.best else plain(cell.text)
            shown.append(text.replace(" ", space) + (f"\n[dim]{plain(cell.below)}[/dim]" if cell.below else ""))
        table.add_row(plain(label), *shown)
    return table


def markdown(grid: Grid) -> str:
    """A pipe table, best in bold; a second line follows a <br>."""
    grid = grid.mapped(_mark)
    lines = [f"**{grid.title}**", ""] if grid.title else []
    lines.append(f"| {grid.corner} | " + " | ".join(grid.headings) + " |")
    lines.append("|---" + "|---:" * len(grid.headings) + "|")
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = f"**{cell.text}**" if cell.best else cell.text
            shown.append(text + (f"<br>{cell.below}" if cell.below else ""))
        lines.append(f"| {label} | " + " | ".join(shown) + " |")
    notes = [f"- {note}" for note in grid.notes]
    return "\n".join([*lines, *([""] if notes else []), *notes]) + "\n"


def _mark(text: str) -> str:
    """Text that Markdown shows as it is, without markup, HTML or links; code between backticks stays code."""
    text = re.sub(r"&(?=#?\w+;)", "&amp;", printable(text)).replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\|*\[\]])", r"\\\1", text)


_LATEX = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{char: f"{{{char}}}" for char in "[]"},  # after the end of a row a bracket is its height
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"±": r"$\pm$", "β": r"$\beta$", "ℓ": r"$\ell$", "∞": r"$\infty$", "↓": r"$\downarrow$", "↑": r"$\uparrow$"},
    **{"≈": r"$\approx$", "−": "$-$", "–": "--", "C̄": r"$\bar{C}$"},
}


def latex(grid: Grid) -> str:
    """A LaTeX table, which needs the packages booktabs and makecell."""
    grid = grid.mapped(_tex)
    lines = [
        r"% \usepackage{booktabs,makecell}",
        r"\begin{table}",
        *([rf"\caption{{{grid.title}}}"] if grid.title else []),
        r"\begin{tabular}{l" + "r" * len(grid.headings) + "}",
        r"\toprule",
        f"{grid.corner} & " + " & ".join(rf"\makecell[r]{{{heading}}}" for heading in grid.headings) + r" \\",
        r"\midrule",
    ]
    for label, cells in grid.rows:
        shown = []
        for cell in cells:
            text = rf"\textbf{{{cell.text}}}" if cell.best else cell.text
            below = rf"\\ \scriptsize {cell.below}" if cell.below else ""
            shown.append(rf"\makecell[r]{{{text}{below}}}" if below else text)
        lines.append(f"{label} & " + " & ".join(shown) + r" \\")
    notes = [rf"\\ \footnotesize {note}" for note in grid.notes]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes, r"\end{table}"]) + "\n"


def _tex(text: str) -> str:
    text = printable(text).replace("C̄", "\ue000")
    return "".join(_LATEX["C̄"] if char == "\ue000" else _LATEX.get(char, char) for char in text)


def comma_separated(grid: Grid) -> str:
    """A line for each row, with only the first line of each cell."""
    grid = grid.mapped(as_text)
    rows = [(label, *(cell.text for cell in cells)) for label, cells in grid.rows]
    return csv_lines([(grid.corner, *grid.headings), *rows])


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def as_text(text: str) -> str:
    """Text with an apostrophe before what a spreadsheet would take for a formula, and what does not print escaped."""
    number = re.fullmatch(r"[-+]?[0-9]+(\.[0-9]+)?", text)
    return f"'{printable(text)}" if text.startswith(tuple("=+-@\t\r")) and not number else printable(text)


FORMATS = {".md": markdown, ".tex": latex, ".csv": comma_separated}


def write(grid: Grid, path: Path) -> Path:
    """Write in the format that the file's suffix names; InputError where FORMATS lacks it."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: must end in {', '.join(FORMATS)}")
    write_file(path, FORMATS[path.suffix](grid).encode())
    return path
