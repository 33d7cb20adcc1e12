"""What the suite calibration says beside the paper's errors: proper scores, selective prediction, temperature."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .. import measures
from .entries import entry, intervals
from .temperatures import HeldOut

POINTS = 200
"""Of a risk–coverage curve in a result."""
AFTER = ("ece", "rms_reference", "rms_all_bins")
"""Those of `measures.CALIBRATION` that are also measured after temperature scaling."""
SELECTION = ("aurc", "e_aurc", "augrc", "coverage_at_5_risk")


def proper_of(logits: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """NLL, Brier and the calibration errors by other bins and none, the proper scores with their intervals."""
    n, own = len(labels), measures.proper_scores(logits, labels)
    spans = intervals(measures.mean_of(own), n, seed=seed)
    entries = {
        name: {"value": float(own[:, column].mean()), "n": n} | spans[column]
        for column, name in enumerate(("nll", "brier"))
    }
    answered = measures.answers(logits, labels)
    for name, value in (
        ("adaptive_ece", measures.adaptive_ece(answered)),
        ("classwise_ece", measures.classwise_ece(logits, labels)),
        ("smooth_ece", measures.smooth_ece(answered)),
    ):
        entries[name] = {"value": value, "n": n}
    return entries


def selection_of(logits: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """The measures of selective prediction with their intervals, and the risk–coverage curve."""
    answered, n = measures.answers(logits, labels), len(labels)
    statistic = measures.selection_of(answered)
    values = statistic(np.ones((1, n), np.int32))[0].tolist()
    spans = intervals(statistic, n, seed=seed, within=(0.0, 1.0))
    entries: dict[str, dict[str, Any]] = {
        name: {"value": value, "n": n} | span for name, value, span in zip(SELECTION, values, spans, strict=True)
    }
    curve = measures.risk_coverage(answered, points=POINTS)
    entries["risk_coverage"] = {"coverage": curve.coverage.tolist(), "risk": curve.risk.tolist(), "n": n}
    return entries


def reliability_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The data of a reliability diagram."""
    bins = measures.reliability(logits, labels)
    return {**{name: array.tolist() for name, array in vars(bins).items()}, "n": len(labels)}


def scaled_of(logits: np.ndarray, labels: np.ndarray, held_out: HeldOut, seed: int) -> dict[str, dict[str, Any]]:
    """The temperature that held-out images give, and calibration after it: names end in `_ts`.

    Args:
        logits: (N, classes) of the measured images, or some of their columns.
        labels: (N,).
        held_out: the temperature of other images, neither trained nor measured on; or "split": two halves of the
            measured images, drawn by `seed`, each divided by the temperature of the other.
    """
    if isinstance(held_out, str):
        return _split(logits, labels, seed)
    entries = {"temperature": held_out.entry}
    return entries if held_out.value is None else entries | _calibration_of(logits / held_out.value, labels)


def _split(logits: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    halves = np.array_split(np.random.default_rng(seed).permutation(len(labels)), 2)
    about = {"n": len(labels), "fitted_on": "split"}
    try:
        fitted = [measures.fit_temperature(logits[half], labels[half]) for half in halves[::-1]]
    except measures.Undefined as error:
        return {"temperature": {"undefined": str(error), **about}}
    scaled = np.empty_like(logits)
    for half, temperature in zip(halves, fitted, strict=True):
        scaled[half] = logits[half] / temperature
    # Logits are divided by them, so that what lies between the two is their geometric mean.
    entry = {"value": math.sqrt(math.prod(fitted)), **about, "of_halves": fitted}
    return {"temperature": entry, **_calibration_of(scaled, labels)}


def _calibration_of(scaled: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, Any]]:
    n, answered = {"n": len(labels)}, measures.answers(scaled, labels)
    entries = {"nll_ts": {"value": measures.nll(scaled, labels), **n}}
    entries["brier_ts"] = {"value": measures.brier(scaled, labels), **n}
    for name in AFTER:
        entries[f"{name}_ts"] = entry(partial(measures.CALIBRATION[name], answered), n)
    entries["adaptive_ece_ts"] = {"value": measures.adaptive_ece(answered), **n}
    entries["classwise_ece_ts"] = {"value": measures.classwise_ece(scaled, labels), **n}
    entries["smooth_ece_ts"] = {"value": measures.smooth_ece(answered), **n}
    entries["reliability_ts"] = reliability_of(scaled, labels)
    return entries
