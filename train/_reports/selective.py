"""Selective prediction: the risk of the answers that remain when a network leaves out those it is least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .measured import Measure
from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of

COVERAGE = Axis("share of images answered", 0, 1, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))
ACCEPTED = 0.05
"""The risk at which coverage is measured."""
SETTLED = 0.05
"""Share of images below which the risk jumps with every image: the axis is chosen for the rest."""
ROWS = (
    Measure("AURC", ("calibration", "aurc"), places=2),
    Measure("E-AURC", ("calibration", "e_aurc"), places=2),
    Measure("AUGRC", ("calibration", "augrc"), places=2),
    Measure("Coverage at 5 %", ("calibration", "coverage_at_5_risk"), higher_is_better=True),
)


def selective(runs: Sequence[Run]) -> Section:
    """Risk–coverage curves, those of the generalised risk, and the areas under them."""
    measured = [
        (index, run, curve) for index, run in enumerate(runs) if (curve := run.entry("calibration", "risk_coverage"))
    ]
    if not measured:
        return Section("selective", "Selective prediction")
    lines = {index: list(zip(curve["coverage"], curve["risk"], strict=True)) for index, _, curve in measured}
    settled = [risk for line in lines.values() for coverage, risk in line if coverage >= SETTLED]
    risks = Panel("Risk by coverage", COVERAGE, axis("errors among the answers, per cent", 0, 100 * _most(settled)))
    passed = [coverage * risk for line in lines.values() for coverage, risk in line]
    errors = Panel("Errors that pass", COVERAGE, axis("errors among all images, per cent", 0, 100 * _most(passed)))
    risks.line([(0, 100 * ACCEPTED), (1, 100 * ACCEPTED)], "ideal", "a risk of 5 %")
    for index, run, _ in measured:
        risks.line([(coverage, 100 * risk) for coverage, risk in lines[index]], style_of(index), run.name)
        errors.line([(coverage, 100 * coverage * risk) for coverage, risk in lines[index]], style_of(index), run.name)
        if covered := run.value("calibration", "coverage_at_5_risk"):
            tip = f"{run.name}: 5 % risk at a coverage of {100 * covered:.1f} %"
            at = min(lines[index], key=lambda point: abs(point[0] - covered))
            risks.dot((covered, 100 * at[1]), style_of(index), tip)
    shown = [run for _, run, _ in measured]
    values = {"panels": [risks, errors], "names": [run.name for run in shown], "rows": _rows(shown)}
    return Section("selective", "Selective prediction", "selective.html", values)


def _most(values: Sequence[float]) -> float:
    """The largest value, so that the axis also holds the accepted risk."""
    return max([*values, 1.2 * ACCEPTED])


def _rows(runs: Sequence[Run]) -> list[tuple[str, list[dict[str, Any]]]]:
    rows = []
    for measure in ROWS:
        values = [run.value(*measure.path) for run in runs]
        texts = ["–" if value is None else f"{100 * value:.{measure.decimals}f}" for value in values]
        known = [float(text) for text in texts if text != "–"]
        best = (max if measure.higher_is_better else min)(known, default=None)
        marked = len({*known}) > 1
        cells = [
            {
                "text": text,
                "interval": _interval(run, measure),
                "style": "none" if text == "–" else "best" if marked and float(text) == best else "",
            }
            for run, text in zip(runs, texts, strict=True)
        ]
        if known:
            rows.append((measure.joined, cells))
    return rows


def _interval(run: Run, measure: Measure) -> str:
    ends = run.entry(*measure.path).get("interval")
    return f"{100 * ends[0]:.{measure.decimals}f} – {100 * ends[1]:.{measure.decimals}f}" if ends else ""
