"""The suites that need the test images alone: clean error, calibration, adversaries; and anomalies."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import measures
from ..readers import OutlierSets, take
from ..readers._outliers import BENCHMARK
from .attacks import BALLS, protocol
from .entries import entry, intervals
from .evaluation import Evaluation, Metrics
from .outliers import SYNTHETIC
from .selection import proper_of, scaled_of, selection_of

FEWEST = 5
"""Test images of the suite anomalies, which takes one outlier to five."""


def error_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """An error with the number of its images and its 95 % interval."""
    value, n = measures.error(logits, labels), len(labels)
    return {"value": value, "n": n, "interval": list(measures.error_interval(value, n))}


def calibration_of(logits: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """Every calibration error of an image set; the RMS ones with their intervals.

    One that is not defined for so few images has no `value`, and says why under `undefined`.
    """
    answers = measures.answers(logits, labels)
    entries: dict[str, dict[str, Any]] = {}
    for name, measure in measures.CALIBRATION.items():
        entries[name] = entry(partial(measure, answers), {"n": len(labels)})
        if name.startswith("rms") and "value" in entries[name]:
            statistic = measures.rms_of(answers, last_bin=name == "rms_all_bins")
            entries[name] |= intervals(statistic, len(labels), seed=seed, within=(0.0, 1.0))[0]
    return entries


def all_calibration_of(
    logits: np.ndarray, labels: np.ndarray, seed: int, held_out: tuple[np.ndarray, np.ndarray] | None = None
) -> dict[str, dict[str, Any]]:
    """What the suite calibration yields, from logits; with `held_out` ones after temperature scaling, too."""
    return {
        **calibration_of(logits, labels, seed),
        **proper_of(logits, labels, seed),
        **selection_of(logits, labels, seed),
        **(scaled_of(logits, labels, held_out) if held_out is not None else {}),
        "reliability": reliability_of(logits, labels),
    }


def reliability_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The data of a reliability diagram."""
    bins = measures.reliability(logits, labels)
    return {**{name: array.tolist() for name, array in vars(bins).items()}, "n": len(labels)}


def clean(evaluation: Evaluation) -> Metrics:
    """Clean error."""
    yield "error", error_of(*evaluation.clean())


def calibration(evaluation: Evaluation) -> Metrics:
    """Calibration and selective prediction on the clean images, after temperature scaling where images are held out."""
    logits, labels = evaluation.clean()
    yield from all_calibration_of(logits, labels, evaluation.seed, evaluation.held_out()).items()


def adversaries(evaluation: Evaluation) -> Metrics:
    """Error under PGD, around the noised image as in the paper's code and around the image."""
    for ball in reversed(BALLS):
        logits, labels = evaluation.attacked(ball)
        about = {**protocol(evaluation.attack, ball), "seed": evaluation.seed}
        yield f"pgd_error_{ball}", {**error_of(logits, labels), **about}


def anomalies(evaluation: Evaluation) -> Metrics:
    """Detection of the synthetic and the real out-of-distribution sets by the outlier-exposure protocol.

    One outlier to five test images, outliers positive. The score is minus the maximum softmax probability; under
    "max_logit" and "energy" are those of other scores. The mean is over those of the paper's six sets that there are.
    """
    logits, _ = evaluation.clean()
    outliers = {name: evaluation.outliers(name, measures.outlier_count(len(logits))) for name in SYNTHETIC}
    about: dict[str, Any] = {"sets": list(outliers)}
    if "ood" in evaluation.sets:
        real: OutlierSets = evaluation.sets["ood"]
        for name in (*real.names, *real.extra):
            images = real.images(name)
            count = len(images[1]) if isinstance(images, tuple) else len(images)
            indices = measures.outlier_indices(len(logits), count, seed=evaluation.seed)
            outliers[name] = evaluation.real_outliers(name, take(images, indices), indices)
        about["sets"] += real.names
        about |= {"problems": list(real.problems)} if real.problems else {}
    about["absent"] = [name for name in BENCHMARK if name not in outliers]
    yield from detections(logits, outliers, about, evaluation.seed)


def detections(logits: np.ndarray, outliers: dict[str, np.ndarray], about: dict[str, Any], seed: int) -> Metrics:
    """What `anomalies` yields, from logits.

    Args:
        logits: (N, classes) of the test images.
        outliers: set → (M, classes).
        about: of the mean: the `sets` that it is taken of, those of the paper that are `absent`, and `problems`.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for score, function in measures.SCORES.items():
        if score == "energy" and are_log_probabilities(logits):
            for name in (*outliers, "mean"):
                entries[name][score] = {"undefined": "log-probabilities all have the energy 0", "n": len(logits)}
            continue
        known, sets = function(logits), {name: function(array) for name, array in outliers.items()}
        main = {name: sets[name] for name in about["sets"]}
        values = measures.detection(known, main)
        # Resampling is for the paper's score; the others stand beside it.
        spans = measures.detection_intervals(known, main, seed=seed) if score == "msp" else {}
        for name in sets.keys() - main.keys():
            values[name] = {measure: function(known, sets[name]) for measure, function in measures.DETECTION.items()}
        for name in (*sets, "mean"):
            of_set: dict[str, dict[str, Any]] = {}
            for measure, value in values[name].items():
                each = of_set[measure] = {"value": value, "n": len(logits), "seed": seed}
                each |= {"n_ood": len(outliers[name])} if name in outliers else about
                each |= {"interval": spans[name][measure]} if name in spans else {}
            entries.setdefault(name, {}).update(of_set if score == "msp" else {score: of_set})
    yield from entries.items()


def are_log_probabilities(logits: np.ndarray) -> bool:
    """Whether the energies of (N, classes) logits are all 0, as those of log-probabilities are."""
    return bool((np.abs(measures.energy(logits)) < 1e-3).all())
