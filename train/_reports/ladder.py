"""AutoAttack: error by the radius of the attack, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of

NORMS = {"linf": ("ℓ∞", 255.0, "radius, in 255ths"), "l2": ("ℓ2", 1.0, "radius")}
"""Norm → its name, what radii are multiplied by in a plot, and what its axis says."""
ERROR = Axis("error, per cent", 0, 100, (0.0, 20.0, 40.0, 60.0, 80.0, 100.0))


class Rung(NamedTuple):
    """A radius at which a run was attacked."""

    epsilon: float
    radius: str
    """As the user wrote it."""
    entry: dict[str, Any]


def ladders(runs: Sequence[Run]) -> Section:
    """A plot and a table for each norm, the error without an attack first."""
    measured = [(index, run) for index, run in enumerate(runs) if run.value("autoattack", "clean_error") is not None]
    shown = [(norm, there) for norm in NORMS if (there := [(i, run) for i, run in measured if _rungs(run, norm)])]
    if not shown:
        return Section("autoattack", "AutoAttack")
    warnings = [
        (run.name, line)
        for _, run in measured
        for line in dict.fromkeys(line for norm in NORMS for rung in _rungs(run, norm) for line in _warnings(rung))
    ]
    values = {
        "panels": [_panel(norm, there) for norm, there in shown],
        "tables": [(NORMS[norm][0], [run.name for _, run in there], _rows(norm, there)) for norm, there in shown],
        "warnings": warnings,
    }
    return Section("autoattack", "AutoAttack", "ladder.html", values)


def _rungs(run: Run, norm: str) -> list[Rung]:
    """The radii of a run in a norm, the smallest first."""
    found = []
    for name, entry in run.entry("autoattack").items():
        epsilon = entry.get("epsilon")
        if entry.get("norm") != norm or run.value("autoattack", name) is None:
            continue
        if isinstance(epsilon, int | float) and math.isfinite(epsilon):
            found.append(Rung(float(epsilon), str(entry.get("radius", epsilon)), entry))
    return sorted(found, key=lambda rung: rung.epsilon)


def _warnings(rung: Rung) -> list[str]:
    lines = rung.entry.get("warnings", [])
    return [str(line) for line in lines] if isinstance(lines, list) else []


def _panel(norm: str, runs: Sequence[tuple[int, Run]]) -> Panel:
    """Error by radius: dots with their intervals, joined from the error without an attack on."""
    name, scale, label = NORMS[norm]
    largest = max(scale * rung.epsilon for _, run in runs for rung in _rungs(run, norm))
    panel = Panel(f"AutoAttack in {name}", axis(label, 0, largest), ERROR)
    for index, run in runs:
        clean = run.entry("autoattack", "clean_error")
        steps = [Rung(0.0, "0", clean), *_rungs(run, norm)]
        panel.line([(scale * step.epsilon, 100 * step.entry["value"]) for step in steps], style_of(index), run.name)
        for step in steps:
            x, value = scale * step.epsilon, 100 * step.entry["value"]
            low, high = (100 * end for end in step.entry.get("interval", [value / 100] * 2))
            tip = f"{run.name}: {value:.1f} % at {step.radius}"
            panel.dot((x, value), style_of(index), tip, ((x, x), (low, high)))
    return panel


def _rows(norm: str, runs: Sequence[tuple[int, Run]]) -> list[tuple[str, list[dict[str, str]]]]:
    """A row for each radius, in it the error of each run and its interval."""
    ladders = [{rung.radius: rung for rung in _rungs(run, norm)} for _, run in runs]
    radii = {rung.epsilon: rung.radius for ladder in ladders for rung in ladder.values()}
    clean = [_cell(run.entry("autoattack", "clean_error")) for _, run in runs]
    rows = [("no attack", clean)]
    for _, radius in sorted(radii.items()):
        rows.append((radius, [_cell(ladder[radius].entry if radius in ladder else {}) for ladder in ladders]))
    for _, cells in rows:
        texts = {cell["text"] for cell in cells} - {"–"}
        best = min(texts, key=float, default="")
        for cell in cells:
            cell["style"] = "none" if cell["text"] == "–" else "best" if len(texts) > 1 and cell["text"] == best else ""
    return rows


def _cell(entry: dict[str, Any]) -> dict[str, str]:
    if "value" not in entry:
        return {"text": "–", "interval": "", "tip": ""}
    low, high = (100 * end for end in entry.get("interval", (0.0, 0.0)))
    return {
        "text": f"{100 * entry['value']:.1f}",
        "interval": f"{low:.1f} – {high:.1f}" if "interval" in entry else "",
        "tip": f"{entry['n']:,} images" if "n" in entry else "",
    }
