"""Anomaly detection: AUROC by outlier set, ROC curves, and histograms of the scores of both kinds of images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from mixset._common.errors import InputError
from pixmix._evaluators.outliers import SYNTHETIC
from pixmix.measures._anomalies import auroc, labelled, msp

from .page import Section
from .runs import Run
from .svg import Axis, Panel, axis, style_of

SMALL = (200, 160)
BINS = 20
CORNERS = 160
"""Most corners of a ROC curve: as many as can be seen."""
UNIT = (0.0, 0.25, 0.5, 0.75, 1.0)


def anomalies(runs: Sequence[Run]) -> Section:
    """How well each run's confidence tells its own images from outliers."""
    measured = [run for run in runs if _sets(run)]
    if not measured:
        return Section("anomalies", "Anomaly detection")
    names = list(dict.fromkeys(name for run in measured for name in _sets(run)))
    scores, missing = _scores(measured, names)
    drawn = [name for name in names if any((run.name, name) in scores for run in measured)]
    figures = [(name, *_figures(runs, name, scores)) for name in drawn]
    values = {
        "names": [run.name for run in measured],
        "rows": _rows(measured, names),
        "figures": figures,
        "missing": missing,
    }
    return Section("anomalies", "Anomaly detection", "anomalies.html", values)


def _sets(run: Run) -> list[str]:
    return [name for name, entry in run.entry("anomalies").items() if name != "mean" and "auroc" in entry]


def _rows(runs: Sequence[Run], names: Sequence[str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The rows of the table: each outlier set's AUROC by run, with the other measures below it, and their means."""
    rows = []
    for name in (*names, "mean"):
        values = [run.value("anomalies", name, "auroc") for run in runs]
        best = max((round(100 * value, 1) for value in values if value is not None), default=None)
        cells: list[dict[str, Any]] = []
        for run, value in zip(runs, values, strict=True):
            if value is None:
                cells.append({"text": "–", "style": "none", "more": []})
                continue
            more = [
                f"{title} {100 * other:.1f}"
                for key, title in (("aupr", "AUPR"), ("fpr95", "FPR95"), ("fpr95_reference", "FPR95 (ref.)"))
                if (other := run.value("anomalies", name, key)) is not None
            ]
            style = "best" if len(runs) > 1 and round(100 * value, 1) == best else ""
            cells.append({"text": f"{100 * value:.1f}", "style": style, "more": more})
        rows.append((name, cells))
    return rows


Scores = Mapping[tuple[str, str], tuple[np.ndarray, np.ndarray]]
"""(Run, outlier set) → anomaly scores of the test images and of the outliers."""


def _scores(runs: Sequence[Run], names: Sequence[str]) -> tuple[Scores, dict[str, list[str]]]:
    """The scores that kept logits give, and by reason the runs for which some are lacking."""
    found: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    missing: dict[str, list[str]] = {}
    for run in runs:
        clean = _score(run, "clean")
        for name in names:
            about = run.entry("anomalies", name, "auroc")
            if not about:
                continue
            outliers = _score(run, f"{'outliers' if name in SYNTHETIC else 'ood'}_{name}")
            reasons = [part for part in (clean, outliers) if isinstance(part, str)]
            if not reasons and (len(clean), len(outliers)) != (about.get("n"), about.get("n_ood")):
                reasons = [f"the logits of {name} in its folder belong to another measurement"]
            if reasons:
                lacking = missing.setdefault(reasons[0], [])
                lacking += [run.name] if run.name not in lacking else []
            elif isinstance(clean, np.ndarray) and isinstance(outliers, np.ndarray):
                found[run.name, name] = clean, outliers
    return found, missing


def _score(run: Run, name: str) -> np.ndarray | str:
    """The anomaly scores of kept logits, or why there are none."""
    logits = run.logits(name)
    if isinstance(logits, str):
        return logits
    try:
        scores = msp(logits)
    except InputError as error:
        return f"logits/{name}.npz: {error}"
    return scores if np.isfinite(scores).all() else f"logits/{name}.npz holds NaN or infinite values"


def _figures(runs: Sequence[Run], name: str, scores: Scores) -> tuple[Panel, list[Panel]]:
    """The ROC curves of an outlier set, and the histograms of each run."""
    there = [(index, run.name) for index, run in enumerate(runs) if (run.name, name) in scores]
    side = Axis("detected, share of outliers", 0, 1, UNIT)
    roc = Panel(f"ROC: {name}", Axis("false alarms, share of test images", 0, 1, UNIT), side)
    roc.line([(0, 0), (1, 1)], "ideal", "chance")
    shares = {run: _histograms(scores[run, name]) for _, run in there}
    highest = max(share.max() for pair in shares.values() for share in pair)
    spread = []
    for index, run in there:
        roc.line(_roc(scores[run, name]), style_of(index), f"{run}: AUROC {100 * auroc(*scores[run, name]):.1f} %")
        panel = Panel(run, Axis("", 0, 1, (0.0, 0.5, 1.0)), axis("", 0, highest, ticks=3), size=SMALL)
        edges = np.linspace(0, 1, BINS + 1).tolist()
        known, anomalous = shares[run]
        panel.steps(edges, known.tolist(), "known", "test images")
        panel.steps(edges, anomalous.tolist(), style_of(index), f"outliers: {name}")
        spread.append(panel)
    return roc, spread


def _histograms(pair: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
    """Per cent of the images of each kind in equal bins of confidence, which is minus the score."""
    return [100 * np.histogram(np.clip(-part, 0, 1), BINS, (0, 1))[0] / len(part) for part in pair]


def _roc(pair: tuple[np.ndarray, np.ndarray]) -> list[tuple[float, float]]:
    """The corners of a ROC curve; of many, those nearest to even steps along it."""
    flagged, found, _ = roc_curve(*labelled(*pair))
    if len(flagged) > CORNERS:
        along = flagged + found
        indices = np.unique(np.searchsorted(along, np.linspace(0, 2, CORNERS)).clip(0, len(along) - 1))
        flagged, found = flagged[indices], found[indices]
    return list(zip(flagged.tolist(), found.tolist(), strict=True))
