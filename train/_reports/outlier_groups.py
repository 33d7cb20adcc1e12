"""OpenOOD's benchmarks: AUROC of near and far outliers by run and score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .page import Section
from .runs import Run

GROUPS = ("near", "far")
SECTIONS = {(): "", ("full_spectrum",): "full spectrum"}
"""Where the scores lie in what the suite measured, and what is said of it in a table's title."""


def outlier_groups(runs: Sequence[Run]) -> Section:
    """How well each score of each run tells near and far outliers, a table for each benchmark and spectrum."""
    benchmarks = list(dict.fromkeys(name for run in runs if (name := _benchmark(run))))
    tables = [
        (", ".join(filter(None, (benchmark, words))), [*GROUPS], rows)
        for benchmark in benchmarks
        for where, words in SECTIONS.items()
        if (rows := _rows([run for run in runs if _benchmark(run) == benchmark], where))
    ]
    if not tables:
        return Section("near-far", "Near and far outliers")
    return Section("near-far", "Near and far outliers", "outlier_groups.html", {"tables": tables})


def _benchmark(run: Run) -> str:
    name = run.entry("openood", "set").get("benchmark", "")
    return name if isinstance(name, str) else ""


def _rows(runs: Sequence[Run], where: tuple[str, ...]) -> list[tuple[str, list[dict[str, Any]]]]:
    """A row for each run and score that has a value, the best of each column marked."""
    found = []
    for run in runs:
        for score in run.entry("openood", *where, "scores"):
            entries = [run.entry("openood", *where, "scores", score, group, "auroc") for group in GROUPS]
            if any("value" in entry for entry in entries):
                found.append((f"{run.name}, {score}" if len(runs) > 1 else score, entries))
    best = [max((_shown(entries[column]) for _, entries in found), default=0.0) for column in range(len(GROUPS))]
    return [
        (name, [_cell(entry, mark, len(found) > 1) for entry, mark in zip(entries, best, strict=True)])
        for name, entries in found
    ]


def _shown(entry: dict[str, Any]) -> float:
    return round(100 * entry.get("value", 0.0), 1)


def _cell(entry: dict[str, Any], best: float, several: bool) -> dict[str, str]:
    if "value" not in entry:
        return {"text": "–", "style": "none", "more": ""}
    low, high = (100 * end for end in entry.get("interval", (0.0, 0.0)))
    return {
        "text": f"{_shown(entry):.1f}",
        "style": "best" if several and _shown(entry) == best else "",
        "more": f"{low:.1f} – {high:.1f}" if "interval" in entry else "",
    }
