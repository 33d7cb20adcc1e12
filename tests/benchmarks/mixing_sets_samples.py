"""Results for the tests of the benchmark of mixing sets."""

from __future__ import annotations

from mixing_sets_figures import FIGURES
from mixing_sets_made import families, sizes
from mixing_sets_results import COLUMNS, Cell, Results

PROTOCOL = {
    **{"version": 1, "dataset": "cifar", "outliers": "", "frost": True, "network": "wrn-10-1", "epochs": 2},
    **{"batch_size": 128, "lr": 0.1, "subset": 100, "test_subset": None, "count": 4, "fvis": 4, "precision": "float32"},
}


def results(*cells: tuple[str, int, float]) -> Results:
    """Cells of a row, a seed, and what it measured in every column."""
    known = {source.name: source for source in (*families({}, visualised=True), *sizes())}
    found = Results(dict(PROTOCOL))
    for number, (row, seed, value) in enumerate(cells):
        if row != "baseline":
            found.sets[row] = {
                "label": known[row].label if row in known else row,
                "near_cbar": row in known and known[row].near_cbar,
                "count": 4,
                "content": "c",
                "statistics": {name: number + index * (-1) ** number for index, name in enumerate(FIGURES)},
            }
        values = dict.fromkeys(COLUMNS, value) | {"auroc textures": value + 1}
        found.cells.append(
            Cell(row=row, seed=seed, content="c", values=values, card="A card", date="2026-11-27", seconds=10.0)
        )
    return found
