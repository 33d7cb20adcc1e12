"""What calibration needs of the logits of a set: 25 bytes per image, and a table of classes and bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .. import measures
from ..measures import Answers
from ..measures._calibration_forms import classwise_gaps, mean_of_gaps


class Digest(NamedTuple):
    """Of the logits and labels of N images."""

    answers: Answers
    proper: np.ndarray
    """(N, 2) float64: each image's negative log-likelihood and Brier score."""
    gaps: np.ndarray
    """(classes, bins) float64, see `classwise_gaps`."""


def digest(logits: np.ndarray, labels: np.ndarray, answers: Answers | None = None) -> Digest:
    """Of (N, classes) logits and (N,) labels; `answers` are theirs, where they are known."""
    return Digest(
        answers=answers or measures.answers(logits, labels),
        proper=measures.proper_scores(logits, labels),
        gaps=classwise_gaps(logits, labels),
    )


def together(each: Mapping[int, Digest]) -> Digest:
    """That of all severities, in ascending order, like the rows of a CIFAR-C file."""
    parts = [each[severity] for severity in sorted(each)]
    answers = Answers(*(np.concatenate(column) for column in zip(*(part.answers for part in parts), strict=True)))
    return Digest(
        answers, np.concatenate([part.proper for part in parts]), np.sum([part.gaps for part in parts], axis=0)
    )


def values_of(found: Digest) -> dict[str, float]:
    """Proper scores and the calibration errors beside those of `measures.CALIBRATION`."""
    nll, brier = found.proper.mean(axis=0).tolist()
    return {
        "nll": nll,
        "brier": brier,
        "adaptive_ece": measures.adaptive_ece(found.answers),
        "classwise_ece": mean_of_gaps(found.gaps, len(found.proper)),
        "smooth_ece": measures.smooth_ece(found.answers),
    }
