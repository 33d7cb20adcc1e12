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
Row = tuple[str, list[dict[str, Any]]]
"""A heading and its cells."""
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
        "by_score": _by_score(measured, names),
        "figures": figures,
        "missing": missing,
    }
    return Section("anomalies", "Anomaly detection", "anomalies.html", values)


def _sets(run: Run) -> list[str]:
    return [name for name, entry in run.entry("anomalies").items() if name != "mean" and "auroc" in entry]


def _rows(runs: Sequence[Run], names: Sequence[str]) -> list[Row]:
    """The rows of the table: each outlier set's AUROC by run, with the other measures below it, and their means."""
    rows = [_row(runs, name, ("anomalies", name)) for name in (*names, "mean")]
    for _, cells in rows:
        _mark_best(cells)
    return rows


def _by_score(runs: Sequence[Run], names: Sequence[str]) -> list[tuple[str, list[Row]]]:
    """The same of every score, a table for the mean and for each set; none where MSP is the only score."""
    parts = [part for run in runs for part in run.entry("anomalies").values()]
    scores = {name: None for part in parts for name, entry in part.items() if _of_score(entry)}
    tables = []
    for name in ("mean", *names) if scores else ():
        rows = [_row(runs, score, ("anomalies", name, score)) for score in scores]
        rows = [_row(runs, "msp", ("anomalies", name)), *rows]
        for column in range(len(runs)):
            _mark_best([cells[column] for _, cells in rows])
        tables.append((name, rows))
    return tables


def _of_score(entry: Any) -> bool:
    """Whether an entry beside MSP's measures is another score's."""
    return isinstance(entry, dict) and isinstance(entry.get("auroc"), dict)


def _row(runs: Sequence[Run], title: str, path: tuple[str, ...]) -> Row:
    cells: list[dict[str, Any]] = []
    for run in runs:
        value = run.value(*path, "auroc")
        if value is None:
            cells.append({"text": "–", "style": "none", "more": []})
            continue
        more = [
            f"{words} {100 * other:.1f}"
            for key, words in (("aupr", "AUPR"), ("fpr95", "FPR95"), ("fpr95_reference", "FPR95 (ref.)"))
            if (other := run.value(*path, key)) is not None
        ]
        cells.append({"text": f"{100 * value:.1f}", "style": "", "more": more})
    return title, cells


def _mark_best(cells: Sequence[dict[str, Any]]) -> None:
    """Mark the best of some cells, where there are others."""
    known = [cell for cell in cells if cell["text"] != "–"]
    best = max((float(cell["text"]) for cell in known), default=0.0)
    for cell in known:
        cell["style"] = "best" if len(cells) > 1 and float(cell["text"]) == best else ""


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
