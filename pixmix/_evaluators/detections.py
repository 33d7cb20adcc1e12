"""How well anomaly scores tell test images from outliers: what the suite anomalies says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import measures
from ..scores import Outputs
from .evaluation import Metrics
from .scoring import Prepared


def detections(
    known: Outputs,
    outliers: Mapping[str, Outputs],
    about: dict[str, Any],
    seed: int,
    scores: Mapping[str, Prepared],
) -> Metrics:
    """What `anomalies` yields, from outputs.

    Args:
        known: of the test images.
        outliers: set → its outputs.
        about: of the mean: the `sets` that it is taken of, those of the paper that are `absent`, and `problems`.
        seed: of the intervals.
        scores: name → score, "msp" first.
    """
    entries: dict[str, dict[str, Any]] = {name: {} for name in (*outliers, "mean")}
    for name, prepared in scores.items():
        if prepared.score is None or (name == "energy" and are_log_probabilities(known.logits)):
            why = prepared.undefined or "log-probabilities all have the energy 0"
            for entry in entries.values():
                entry[name] = {"undefined": why, "n": len(known.logits)}
            continue
        sets = {of: prepared.score(each) for of, each in outliers.items()}
        # Resampling is for the paper's score; the others stand beside it.
        found = _detected(prepared.score(known), sets, about, seed, spanned=name == "msp")
        for of, measured in found.items():
            entries[of].update(measured if name == "msp" else {name: measured})
        if prepared.about:
            entries["mean"][name] |= prepared.about
    yield from entries.items()


def _detected(
    known: np.ndarray, sets: dict[str, np.ndarray], about: dict[str, Any], seed: int, *, spanned: bool
) -> dict[str, dict[str, dict[str, Any]]]:
    """Every measure of one score on each set, and its mean; with intervals where `spanned`."""
    main = {name: sets[name] for name in about["sets"]}
    values = measures.detection(known, main)
    spans = measures.detection_intervals(known, main, seed=seed) if spanned else {}
    for name in sets.keys() - main.keys():
        values[name] = {measure: function(known, sets[name]) for measure, function in measures.DETECTION.items()}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name in (*sets, "mean"):
        found[name] = {}
        for measure, value in values[name].items():
            each = found[name][measure] = {"value": value, "n": len(known), "seed": seed}
            each |= {"n_ood": len(sets[name])} if name in sets else about
            each |= {"interval": spans[name][measure]} if name in spans else {}
    return found


def are_log_probabilities(logits: np.ndarray) -> bool:
    """Whether the energies of (N, classes) logits are all 0, as those of log-probabilities are."""
    return bool((np.abs(measures.energy(logits)) < 1e-3).all())
