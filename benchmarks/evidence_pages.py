"""The pages' parts that are rendered from docs/results: ours beside the paper's, and what is missing."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from evidence_cells import CELLS, PROTOCOL, is_whole
from evidence_results import ROOT, Result
from marked import replaced

from mixset._common.errors import counted
from mixset._common.files import write_file
from mixset._common.progress import duration
from pixmix.train._ablations.columns import AUROC, C_BAR, CIFAR, CLEAN, MFR, PGD, RMS_C, C, Column
from pixmix.train._ablations.tables import ROWS, TABLES
from pixmix.train._reports.grids import Cell, Grid, markdown

MARKS = "<!-- evidence: rendered from docs/results -->", "<!-- end of evidence -->"
COMMAND = "python benchmarks/evidence.py"
SHORT = (CLEAN, C, C_BAR, MFR, PGD, RMS_C, AUROC)
"""The columns of the README."""
PAPER = {row: row for row in TABLES["4"].rows} | {"fractals+fvis": "pixmix"}
"""Our rows by the row of the paper's Table 4 that stands beside them."""
COMPARED = {
    "4": {row: row for row in TABLES["4"].rows},
    "1": {row: row for row in TABLES["1"].rows},
    "2": {row: row for row in TABLES["2"].rows},
    "6": {"baseline": "baseline", "fractals": "pixmix", "fvis": "fvis", "fractals+fvis": "fractals+fvis"},
}
"""Of each table whose order of rows is compared: the paper's rows by ours."""


@dataclass(frozen=True)
class Group:
    """Results that may stand beside each other: of one data set, outliers, precision and protocol, and whole."""

    rows: Mapping[str, Sequence[Result]]
    """Row → its seeds."""

    @property
    def all(self) -> list[Result]:
        """Every result."""
        return [one for results in self.rows.values() for one in results]

    def mean(self, row: str, column: Column) -> float | None:
        """Over a row's seeds; None where it was not measured."""
        values = self.values(row, column)
        return statistics.fmean(values) if values else None

    def values(self, row: str, column: Column) -> list[float]:
        """A value for each seed."""
        found = (column.value(one.metrics) for one in self.rows.get(row, ()))
        return [value for value in found if value is not None]


def groups(results: Iterable[Result]) -> list[Group]:
    """The whole cells of today's protocol, the largest group first; of a cell that was run twice the newest."""
    found: dict[str, dict[str, Result]] = {}
    for one in sorted(results, key=lambda one: (one.date, one.file)):
        if one.key["protocol"] == PROTOCOL and is_whole(one.key):
            alike = str([one.key[name] for name in ("dataset", "ood", "precision")])
            found.setdefault(alike, {})[one.cell] = one
    made = []
    for cells in found.values():
        rows: dict[str, list[Result]] = {}
        for cell in CELLS:
            if cell.name in cells:
                rows.setdefault(cell.row, []).append(cells[cell.name])
        made.append(Group(rows))
    return sorted(made, key=lambda group: -len(group.all))


def table(group: Group, columns: Sequence[Column]) -> str:
    """Our numbers, and below them those of the paper's Table 4 and the difference."""
    lines = []
    for row, seeds in group.rows.items():
        label = ROWS[row].label + (f" ({len(seeds)} seeds)" if len(seeds) > 1 else "")
        lines.append((label, [_cell(group, row, column) for column in columns]))
    return markdown(Grid("", [column.measure.heading for column in columns], lines))


def _cell(group: Group, row: str, column: Column) -> Cell:
    values, mean = group.values(row, column), group.mean(row, column)
    paper = TABLES["4"].paper(PAPER.get(row, row), column)
    if mean is None:
        return Cell("–", below="" if paper is None else f"{paper:.1f}")
    text = f"{mean:.1f}" + (f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else "")
    others = [round(other, 1) for name in group.rows if (other := group.mean(name, column)) is not None]
    best = (max if column.measure.higher_is_better else min)(others)
    below = "" if paper is None else f"{paper:.1f} {round(mean - paper, 1) + 0.0:+.1f}".replace("-", "−")
    return Cell(text, len(others) > 1 and round(mean, 1) == best, below)


def order(group: Group, name: str, rows: Mapping[str, str]) -> str:
    """How many pairs of rows of a paper's table stand in its order, by column; empty where there is no pair."""
    paper = TABLES[name]
    there = [row for row, ours in rows.items() if ours in group.rows]
    agree, pairs, by_column = 0, 0, []
    for column in paper.columns:
        found = [_same_order(group, paper.paper, column, pair, rows) for pair in combinations(there, 2)]
        known = [same for same in found if same is not None]
        if known:
            agree, pairs = agree + sum(known), pairs + len(known)
            by_column.append(f"{column.measure.name} {sum(known)} of {len(known)}")
    if not pairs:
        return ""
    heading = f"**{paper.title}, {paper.data}** ({len(there)} of {len(rows)} rows)"
    return f"- {heading}: {agree} of {counted(pairs, 'pair')} as in the paper: {', '.join(by_column)}."


def _same_order(
    group: Group,
    paper: Callable[[str, Column], float | None],
    column: Column,
    pair: tuple[str, str],
    rows: Mapping[str, str],
) -> bool | None:
    """Whether two rows stand as in the paper; None where either has no number, or the paper has them equal."""
    ours = [group.mean(rows[row], column) for row in pair]
    theirs = [paper(row, column) for row in pair]
    if ours[0] is None or ours[1] is None or theirs[0] is None or theirs[1] is None or theirs[0] == theirs[1]:
        return None
    return (ours[0] < ours[1]) == (theirs[0] < theirs[1]) and ours[0] != ours[1]


def missing(group: Group | None) -> str:
    """Which cells are there, and which are not."""
    there = {one.cell for one in group.all} if group else set()
    absent = [cell.name for cell in CELLS if cell.name not in there]
    text = f"{len(there)} of {len(CELLS)} cells have been run at the paper's size"
    return text + (f"; not yet: {', '.join(absent)}." if absent and there else ".")


def about(group: Group) -> list[str]:
    """What a reader has to know of the numbers."""
    first = group.all[0]
    outliers = first.metrics.get("anomalies", {}).get("mean", {}).get("auroc", {})
    absent = f"; the paper's {', '.join(outliers['absent'])} are absent" if outliers.get("absent") else ""
    cards = dict.fromkeys(one.card for one in group.all)
    dates = sorted({one.date for one in group.all})
    torch = dict.fromkeys(one.versions["torch"] for one in group.all)
    seconds = [statistics.median(one.seconds[name] for one in group.all) for name in ("training", "measures")]
    return [
        f"- Images: `{first.images['dataset']}`; C, C̄ and P made of its test images by `pixmix corrupt`, not the "
        "official ones.",
        f"- Anomalies: mean over {', '.join(outliers.get('sets', []))}{absent}.",
        "- PixMix, Mix Aug and PixMix + CutMix mix in fractals alone; the paper's numbers beside them are of fractals "
        "and visualisations.",
        f"- {' and '.join(cards)}, {' to '.join(dict.fromkeys((dates[0], dates[-1])))}, torch {', '.join(torch)}, "
        f"{first.key['precision']}. A training took {duration(seconds[0])}, its measures {duration(seconds[1])} "
        "(medians).",
        "- In per cent, but for mT5D. (ref.): in the form of the paper's code. Below ours the number of the paper's "
        "Table 4 and the difference; bold: the best.",
    ]


def measurements(results: Sequence[Result]) -> str:
    """The part of docs/measurements.md."""
    found = groups(results)
    if not found:
        told = (
            f"{missing(None)} `{COMMAND} DATA --list` shows them in their order, `{COMMAND} DATA` runs them; "
            "[reproduce.md](reproduce.md#cell-by-cell) says how."
        )
        return f"{_filled([told])}\n"
    parts = []
    for group in found:
        orders = [text for name, rows in COMPARED.items() if (text := order(group, name, rows))]
        parts += [_filled([missing(group)]), table(group, CIFAR).rstrip(), _filled(about(group))]
        if orders:
            parts += ["Pairs of rows that stand in the paper's order:", _filled(orders)]
    return "\n\n".join(parts) + "\n"


def readme(results: Sequence[Result]) -> str:
    """The part of the README."""
    found = groups(results)
    if not found:
        told = (
            f"None of the paper's tables has been run at its full size yet. `{COMMAND} DATA` runs CIFAR-10's, a cell "
            "at a time ([how](docs/reproduce.md#cell-by-cell))."
        )
        return f"{_filled([told])}\n"
    said = (
        f"CIFAR-10 at the paper's size (WRN-40-4, 100 epochs), images of `{found[0].all[0].images['dataset']}`; below "
        "ours the paper's number and the difference. PixMix mixes in fractals here; fractals and visualisations, as in "
        "the paper, do so in a row of their own. "
    )
    link = (
        "How far the rows stand in the paper's order: "
        "[docs/measurements.md](docs/measurements.md#cifar-10-cell-by-cell)."
    )
    return f"{_filled([said + missing(found[0])])}\n\n{table(found[0], SHORT).rstrip()}\n\n{link}\n"


def _filled(paragraphs: Sequence[str]) -> str:
    """Paragraphs or items of a list, each in lines of a page's width."""
    return "\n".join(
        textwrap.fill(
            text,
            125,
            subsequent_indent="  " if text.startswith("- ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for text in paragraphs
    )


PAGES: dict[str, Callable[[Sequence[Result]], str]] = {"README.md": readme, "docs/measurements.md": measurements}
"""The part of each page."""


def rendered(page: str, text: str, results: Sequence[Result]) -> str:
    """A page's text with its part as the results have it.

    Raises:
        InputError: the page lacks the marks between which the part stands.
    """
    return replaced(page, text, MARKS, PAGES[page](results))


def render(page: str, results: Sequence[Result], root: Path = ROOT) -> Path:
    """Write a page's part; the page."""
    path = root / page
    write_file(path, rendered(page, path.read_text(), results).encode())
    return path
