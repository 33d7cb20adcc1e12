"""The tables of the benchmark, printed and in the docs: rows, statistics, and which predicts what."""

from __future__ import annotations

import re
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from evidence_results import ROOT
from marked import replaced
from mixing_sets_figures import FIGURES, Correlations, correlate
from mixing_sets_made import SIZED, drawn, families, sizes
from mixing_sets_results import COLUMNS, Results, read_results
from mixing_sets_sizes import deviation, over_families, values, wins
from mixing_sets_work import BASELINE

from mixset._common.errors import InputError, counted
from mixset._common.files import write_file
from pixmix.train._reports import grids
from pixmix.train._reports.grids import Cell, Grid, markdown

PAGE = "docs/mixing-sets-compared.md"
BEGIN = re.compile(r"<!-- mixing sets: rendered from (\S+) -->")
END = "<!-- end of mixing sets -->"
"""What the results of a file stand between; the file's place is from the root."""
TITLES = {"families": "Families", "sizes": "Sizes and scalings"}


def parts(results: Results) -> dict[str, list[str]]:
    """The rows of each table that have cells; both have those of 64 px. Images from elsewhere stand last."""
    sized = [source.name for source in sizes()]
    usual = {drawn(name).name for name in SIZED}
    there = {name for name in results.sets if results.of(name)}
    known = [source.name for source in families({}, visualised=True)]
    tables = {
        "families": [*(name for name in known if name in there), *sorted(there - {*known, *sized})],
        "sizes": [name for name in sized if name in there],
    }
    return {name: rows for name, rows in tables.items() if rows and (name == "families" or {*rows} - usual)}


def measured(results: Results, part: str, rows: Sequence[str]) -> Grid:
    """The table of a part: means and deviations, the best in bold."""
    shown = [BASELINE, *rows] if results.of(BASELINE) else list(rows)
    lines: list[tuple[str, list[Cell]]] = [(label(results, row), []) for row in shown]
    lines += [(f"All four, {words}", []) for words in (over_families(results) if part == "sizes" else {})]
    pooled: list[Cell] = []
    for name, column in COLUMNS.items():
        means = {row: statistics.fmean(of) for row in shown if (of := values(results, row, name))}
        best = (max if column.measure.higher_is_better else min)((round(mean, 1) for mean in means.values()), default=0)
        for (_, cells), row in zip(lines, shown, strict=False):
            of = values(results, row, name)
            spread = f" ± {statistics.stdev(of):.1f}" if len(of) > 1 else ""
            cells.append(Cell(f"{means[row]:.1f}{spread}", round(means[row], 1) == best) if of else Cell("–"))
        if part == "sizes":
            for (_, cells), of_all in zip(lines[len(shown) :], over_families(results).values(), strict=True):
                known = [means[row] for row in of_all if row in means]
                cells.append(Cell(f"{statistics.fmean(known):.1f}" if len(known) == len(of_all) else "–"))
        noise = deviation(results, shown, name)
        pooled.append(Cell("–" if noise is None else f"{noise:.2f}"))
    lines.append(("Deviation of a seed, pooled", pooled))
    return Grid(TITLES[part], [column.measure.heading for column in COLUMNS.values()], lines)


def label(results: Results, row: str) -> str:
    """A row's label with its number of seeds, marked where it is near C̄."""
    made = results.sets.get(row, {"label": "Baseline, no PixMix", "near_cbar": False})
    seeds = len(results.of(row))
    return made["label"] + ("†" if made["near_cbar"] else "") + (f" ({seeds} seeds)" if seeds > 1 else "")


def statistic(results: Results, rows: Sequence[str]) -> Grid:
    """What the sets' images are like."""
    lines = []
    for row in rows:
        of = results.sets[row]
        numbers = [f"{of['statistics'][name]:.{1 if name in ('contrast', 'energy') else 2}f}" for name in FIGURES]
        lines.append((of["label"], [Cell(f"{of['count']:,}"), *map(Cell, numbers)]))
    return Grid("What their images are like", ["images", *FIGURES.values()], lines)


def predicted(results: Results, rows: Sequence[str]) -> tuple[Grid, Correlations] | None:
    """The correlations of statistics with columns; None of too few sets."""
    columns: Mapping[str, dict[str, float]] = {
        row: {name: statistics.fmean(values(results, row, name)) for name in _columns(results, rows)} for row in rows
    }
    found = correlate({row: results.sets[row]["statistics"] for row in rows}, columns)
    if found is None:
        return None
    lines = []
    for name in _columns(results, rows):
        cells = []
        for figure in FIGURES:
            one = found.found.get((figure, name))
            text = "–" if one is None else f"{one.rho:+.2f}".replace("-", "−") + f" ({one.chance:.3f})"
            cells.append(Cell(text, one is not None and abs(one.rho) > found.strongest))
        heading = COLUMNS[name].measure.heading if name in COLUMNS else f"AUROC {name.removeprefix('auroc ')} ↑"
        lines.append((heading, cells))
    return Grid("Which statistic goes with which column", list(FIGURES.values()), lines), found


def _columns(results: Results, rows: Sequence[str]) -> list[str]:
    """The columns that all rows have: the tables', and the outlier sets'."""
    there = sorted({name for row in rows for one in results.of(row) for name in one.values} - {*COLUMNS})
    return [name for name in (*COLUMNS, *there) if all(values(results, row, name) for row in rows)]


def about(results: Results) -> str:
    """What a reader has to know of the numbers."""
    of = results.protocol
    cards = ", ".join(dict.fromkeys(one.card for one in results.cells))
    dates = sorted({one.date for one in results.cells})
    trained = "all" if of["subset"] is None else f"{of['subset']:,}"
    tested = "all" if of["test_subset"] is None else f"{of['test_subset']:,}"
    text = (
        f"`python benchmarks/mixing_sets.py`, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, {cards}, "
        f"{of['precision']}: {of['network']}, {counted(of['epochs'], 'epoch')}, {trained} training and {tested} test "
        f"images of `{of['dataset']}`, sets of {counted(of['count'], 'image')}. In per cent, but for mT5D. "
        "† resembles corruptions of C̄, whose errors it flatters. The script's text is the protocol."
    )
    mixed = [row for row in results.sets if len({one.content for one in results.of(row)}) > 1]
    return text + (f" Made anew between seeds, with other bytes: {', '.join(mixed)}." if mixed else "")


def tables(results: Results) -> list[Grid | str]:
    """All there is to show, in its order."""
    shown: list[Grid | str] = [about(results)]
    for part, rows in parts(results).items():
        shown.append(measured(results, part, rows))
        shown += [text for text in wins(results) if part == "sizes"]
        shown.append(statistic(results, rows))
        if made := predicted(results, rows):
            grid, found = made
            shown += [
                grid,
                f"Spearman's correlation over {found.sets} sets, and how often shuffled sets have one as strong. 5 % "
                f"of single correlations exceed {found.alone:.2f} by chance, and in 5 % of the shuffles the strongest "
                f"of all {len(found.found)} exceeds {found.strongest:.2f}: bold is what is beyond that.",
            ]
    return shown


def show(results: Results) -> None:
    """Print all tables; nothing where no cell has ended."""
    for one in tables(results) if results.cells else []:
        if isinstance(one, Grid):
            grids.show(one)
        else:
            print(textwrap.fill(one, 120))


def rendered(text: str, root: Path = ROOT) -> str:
    """The page's text with every marked part as its file has it.

    Raises:
        InputError: no part is marked, a file is damaged, or an end is missing.
    """
    marked = list(BEGIN.finditer(text))
    if not marked:
        raise InputError(f"{PAGE}: lacks {BEGIN.pattern} and {END}; put them where a file's results are to stand")
    for mark in marked:
        file = root / mark[1]
        results = read_results(file) if file.exists() else None
        text = replaced(PAGE, text, (mark[0], END), body(results))
    return text


def body(results: Results | None) -> str:
    """What a page shows of results."""
    if results is None or not results.cells:
        return "Not measured yet: `python benchmarks/mixing_sets.py DATA` does it, and its text is the protocol.\n"
    return "\n".join(
        markdown(one) if isinstance(one, Grid) else textwrap.fill(one, 125, break_on_hyphens=False) + "\n"
        for one in tables(results)
    )


def render(root: Path = ROOT) -> Path:
    """Write the page's marked parts; the page."""
    path = root / PAGE
    write_file(path, rendered(path.read_text(), root).encode())
    return path
