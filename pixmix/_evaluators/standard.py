"""The suites that need the test images alone: clean error, calibration, adversaries; and anomalies."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import measures
from ..readers import OutlierSets, take
from ..readers._outliers import BENCHMARK
from .attacks import BALLS, protocol
from .detections import detections
from .entries import entry, intervals
from .evaluation import Evaluation, Metrics
from .outliers import SYNTHETIC
from .selection import proper_of, reliability_of, scaled_of, selection_of
from .temperatures import HeldOut

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
    logits: np.ndarray, labels: np.ndarray, seed: int, held_out: HeldOut | None = None
) -> dict[str, dict[str, Any]]:
    """What the suite calibration yields, from logits; with `held_out` after temperature scaling, too."""
    return {
        **calibration_of(logits, labels, seed),
        **proper_of(logits, labels, seed),
        **selection_of(logits, labels, seed),
        **(scaled_of(logits, labels, held_out, seed) if held_out is not None else {}),
        "reliability": reliability_of(logits, labels),
    }


def clean(evaluation: Evaluation) -> Metrics:
    """Clean error."""
    yield "error", error_of(*evaluation.clean())


def calibration(evaluation: Evaluation) -> Metrics:
    """Calibration and selective prediction on the clean images, after temperature scaling where images are held out."""
    logits, labels = evaluation.clean()
    if (fitted := evaluation.temperature) is not None:
        fitted.check(logits)
    held_out: HeldOut | None = "split" if evaluation.held == "split" else fitted
    yield from all_calibration_of(logits, labels, evaluation.seed, held_out).items()


def adversaries(evaluation: Evaluation) -> Metrics:
    """Error under PGD, around the noised image as in the paper's code and around the image."""
    for ball in reversed(BALLS):
        logits, labels = evaluation.attacked(ball)
        about = {**protocol(evaluation.attack, ball), "seed": evaluation.seed}
        yield f"pgd_error_{ball}", {**error_of(logits, labels), **about}


def anomalies(evaluation: Evaluation) -> Metrics:
    """Detection of the synthetic and the real out-of-distribution sets by the outlier-exposure protocol.

    One outlier to five test images, outliers positive. The score is minus the maximum softmax probability; under their
    names, such as "max_logit" and "energy", are other scores. The mean is over those of the paper's six sets that there
    are.
    """
    scores = evaluation.prepared()
    known = evaluation.known()
    count = len(known.logits)
    outliers = {name: evaluation.outliers(name, measures.outlier_count(count)) for name in SYNTHETIC}
    about: dict[str, Any] = {"sets": list(outliers)}
    if "ood" in evaluation.sets:
        real: OutlierSets = evaluation.sets["ood"]
        for name in (*real.names, *real.extra):
            images = real.images(name)
            there = len(images[1]) if isinstance(images, tuple) else len(images)
            indices = measures.outlier_indices(count, there, seed=evaluation.seed)
            outliers[name] = evaluation.real_outliers(name, take(images, indices), indices)
        about["sets"] += real.names
        about |= {"problems": list(real.problems)} if real.problems else {}
    about["absent"] = [name for name in BENCHMARK if name not in outliers]
    yield from detections(known, outliers, about, evaluation.seed, scores)
