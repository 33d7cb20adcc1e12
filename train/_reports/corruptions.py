"""Error per corruption and severity, of C and C̄; flips and distances per perturbation, of P."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from .page import Section, details, names_of, numbers, panels, paragraph
from .runs import Run
from .svg import Axis, Panel, axis, style_of

SMALL = (200, 150)
FEW = 4
"""Runs whose table leaves room beside it."""
SUITES = {"c": "Corruptions: C", "cbar": "Corruptions: C̄"}


def corruptions(runs: Sequence[Run], suite: str) -> Section:
    """The errors of suite "c" or "cbar": each corruption's mean, its way over the severities, every number."""
    found = {run.name: _entries(run, suite, "severities") for run in runs}
    measured = [run.name for run in runs if found[run.name]]
    if not measured:
        return Section(suite, SUITES[suite], "")
    names = list(dict.fromkeys(name for each in found.values() for name in each))
    means = [
        (_title(name, found), [_percent(found[run].get(name, {}).get("value")) for run in measured]) for name in names
    ]
    body = (
        paragraph(
            "Errors in per cent, the mean over the severities; the fuller the colour, the more is wrong."
            + _extra(found)
            + _where(runs, suite)
        )
        + f'<div class="{"beside" if len(measured) <= FEW else "below"}">\n{numbers(["", *measured], means)}'
        + panels(
            _over_severities(runs, found, names),
            "Error in per cent over the severities, all on the same scale.",
            style="many",
        )
        + "</div>\n"
        + details(
            "Every number: error in per cent by corruption and severity",
            f'<div class="tables">\n{"".join(_by_severity(run, found[run]) for run in measured)}</div>\n',
            opened=len(measured) == 1,
        )
    )
    return Section(suite, SUITES[suite], body)


def _over_severities(
    runs: Sequence[Run], found: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> Sequence[Panel]:
    errors = {
        (run.name, name): sorted((int(key), 100 * value) for key, value in entry["severities"].items())
        for run in runs
        for name, entry in found[run.name].items()
    }
    points = [point for line in errors.values() for point in line]
    ends = [severity for severity, _ in points]
    across = Axis("", min(ends) - 0.2, max(ends) + 0.2, tuple(sorted(set(map(float, ends)))))
    along = axis("", 0, max(error for _, error in points), ticks=3)
    made = []
    for name in names:
        panel = Panel(_words(name), across, along, size=SMALL)
        for index, run in enumerate(runs):
            if line := errors.get((run.name, name)):
                panel.line(line, style_of(index), _told(run.name, line))
        made.append(panel)
    return made


def _told(name: str, line: Sequence[tuple[int, float]]) -> str:
    return f"{name}: " + ", ".join(f"{error:.1f}" for _, error in line)


def _by_severity(run: str, found: Mapping[str, Any]) -> str:
    severities = sorted({int(key) for entry in found.values() for key in entry["severities"]})
    rows = [
        (_words(name), [_percent(entry["severities"].get(str(severity))) for severity in severities])
        for name, entry in found.items()
    ]
    return f"<div><h3>{escape(run)}</h3>\n{numbers(['', *map(str, severities)], rows)}</div>\n"


def perturbations(runs: Sequence[Run]) -> Section:
    """The suite p: flip probabilities and top-5 distances of each perturbation."""
    found = {run.name: _entries(run, "p", "t5d") for run in runs}
    measured = [run.name for run in runs if found[run.name]]
    if not measured:
        return Section("p", "Perturbation sequences: P", "")
    names = list(dict.fromkeys(name for each in found.values() for name in each))

    def rows(value: Callable[[dict[str, Any]], float | None]) -> list[tuple[str, list[float | None]]]:
        return [(_title(name, found), [value(found[run].get(name, {})) for run in measured]) for name in names]

    body = (
        paragraph(
            "Flip probability is the share of frames, in per cent, at which the answer differs from that to the frame "
            "before (for the noises: to the first); top-5 distance is how far the five likeliest classes move in rank."
            + _extra(found)
            + _where(runs, "p")
        )
        + f'<div class="{"tables" if len(measured) <= FEW else "below"}">\n<div><h3>Flip probability</h3>\n'
        + numbers(["", *measured], rows(lambda entry: _percent(entry.get("value"))))
        + "</div>\n<div><h3>Top-5 distance</h3>\n"
        + numbers(["", *measured], rows(lambda entry: entry.get("t5d", {}).get("value")), decimals=2)
        + "</div>\n</div>\n"
    )
    return Section("p", "Perturbation sequences: P", body)


def _entries(run: Run, suite: str, mark: str) -> dict[str, dict[str, Any]]:
    """The entries of single corruptions or perturbations, which alone hold `mark`."""
    entries = run.entry(suite).items()
    return {name: entry for name, entry in entries if isinstance(entry, dict) and {mark, "value"} <= entry.keys()}


def _title(name: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    entry = next(each[name] for each in found.values() if name in each)
    return _words(name) + ("" if entry.get("counted", True) else " *")


def _extra(found: Mapping[str, Mapping[str, Any]]) -> str:
    some = any(not entry.get("counted", True) for each in found.values() for entry in each.values())
    return " * not in the mean, as on the official sets." if some else ""


def _where(runs: Sequence[Run], suite: str) -> str:
    """Whether the set is the official one or made here, and of how many images; differences by run."""
    said: dict[str, list[str]] = {}
    for run in runs:
        about = run.entry(suite, "set")
        if not about:
            continue
        seed = f", seed {about['seed']}" if "seed" in about else ""
        images = f", {about['images']:,} each" if "images" in about else ""
        problems = "".join(f"; {problem}" for problem in about.get("problems", ()))
        said.setdefault(f"{about.get('source', 'unknown')}{seed}{images}{problems}", []).append(run.name)
    if len(said) == 1:
        return f" Images: {escape(next(iter(said)))}."
    return "".join(f" Images of {names_of(names)}: {escape(words)}." for words, names in said.items())


def _words(name: str) -> str:
    return name.replace("_", " ")


def _percent(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else 100 * value
