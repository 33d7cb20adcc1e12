"""Error per corruption and severity, of C and C̄; flips and distances per perturbation, of P."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .measured import words
from .page import Section, Shares, heat
from .runs import Run
from .svg import Axis, Panel, axis, style_of

SMALL = (200, 150)
FEW = 4
"""Most runs whose table leaves room for another beside it."""
SUITES = {"c": "Corruptions: C", "cbar": "Corruptions: C̄"}
Entries = Mapping[str, dict[str, Any]]
"""What `metrics.json` says of a run's corruptions or perturbations, by name."""


def corruptions(runs: Sequence[Run], suite: str) -> Section:
    """The errors of suite "c" or "cbar": each corruption's mean, its course over the severities, every number."""
    entries = {run.name: _entries(run, suite, "severities") for run in runs}
    measured = [run.name for run in runs if entries[run.name]]
    if not measured:
        return Section(suite, SUITES[suite])
    names = list(dict.fromkeys(name for each in entries.values() for name in each))
    means = [
        (_title(name, entries), [_percent(entries[run].get(name, {}).get("value")) for run in measured])
        for name in names
    ]
    values = {
        "names": measured,
        "few": len(measured) <= FEW,
        "means": heat(means),
        "panels": _over_severities(runs, entries, names),
        "tables": [_by_severity(run, entries[run]) for run in measured],
        **_source(runs, suite, entries),
    }
    return Section(suite, SUITES[suite], "corruptions.html", values)


def _over_severities(runs: Sequence[Run], entries: Mapping[str, Entries], names: Sequence[str]) -> list[Panel]:
    errors = {
        (run.name, name): sorted((int(key), 100 * value) for key, value in entry["severities"].items())
        for run in runs
        for name, entry in entries[run.name].items()
    }
    points = [point for line in errors.values() for point in line]
    ends = [severity for severity, _ in points]
    across = Axis("", min(ends) - 0.2, max(ends) + 0.2, tuple(sorted(set(map(float, ends)))))
    along = axis("", 0, max(error for _, error in points), ticks=3)
    panels = []
    for name in names:
        panel = Panel(words(name), across, along, size=SMALL)
        for index, run in enumerate(runs):
            if line := errors.get((run.name, name)):
                panel.line(line, style_of(index), _tip(run.name, line))
        panels.append(panel)
    return panels


def _tip(name: str, line: Sequence[tuple[int, float]]) -> str:
    return f"{name}: " + ", ".join(f"{error:.1f}" for _, error in line)


def _by_severity(run: str, entries: Entries) -> tuple[str, list[str], Shares]:
    """A run's name, its severities and the rows of its table."""
    severities = sorted({int(key) for entry in entries.values() for key in entry["severities"]})
    rows = [
        (words(name), [_percent(entry["severities"].get(str(severity))) for severity in severities])
        for name, entry in entries.items()
    ]
    return run, list(map(str, severities)), heat(rows)


def perturbations(runs: Sequence[Run]) -> Section:
    """The suite p: flip probabilities and top-5 distances of each perturbation."""
    title = "Perturbation sequences: P"
    entries = {run.name: _entries(run, "p", "t5d") for run in runs}
    measured = [run.name for run in runs if entries[run.name]]
    if not measured:
        return Section("p", title)
    names = list(dict.fromkeys(name for each in entries.values() for name in each))

    def rows(value: Callable[[dict[str, Any]], float | None]) -> list[tuple[str, list[float | None]]]:
        return [(_title(name, entries), [value(entries[run].get(name, {})) for run in measured]) for name in names]

    values = {
        "names": measured,
        "few": len(measured) <= FEW,
        "flips": heat(rows(lambda entry: _percent(entry.get("value")))),
        "distances": heat(rows(lambda entry: entry.get("t5d", {}).get("value")), decimals=2),
        **_source(runs, "p", entries),
    }
    return Section("p", title, "perturbations.html", values)


def _entries(run: Run, suite: str, mark: str) -> dict[str, dict[str, Any]]:
    """The entries of single corruptions or perturbations, which alone hold `mark`."""
    entries = run.entry(suite).items()
    return {name: entry for name, entry in entries if isinstance(entry, dict) and {mark, "value"} <= entry.keys()}


def _title(name: str, entries: Mapping[str, Entries]) -> str:
    entry = next(each[name] for each in entries.values() if name in each)
    return words(name) + ("" if entry.get("counted", True) else " *")


def _source(runs: Sequence[Run], suite: str, entries: Mapping[str, Entries]) -> dict[str, Any]:
    """What the page says of a suite's images: whether some are not counted, and where each run's come from."""
    uncounted = any(not entry.get("counted", True) for each in entries.values() for entry in each.values())
    sources: dict[str, list[str]] = {}
    for run in runs:
        about = run.entry(suite, "set")
        if not about:
            continue
        seed = f", seed {about['seed']}" if "seed" in about else ""
        images = f", {about['images']:,} each" if "images" in about else ""
        problems = "".join(f"; {problem}" for problem in about.get("problems", ()))
        sources.setdefault(f"{about.get('source', 'unknown')}{seed}{images}{problems}", []).append(run.name)
    return {"uncounted": uncounted, "sources": sources}


def _percent(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else 100 * value
