"""Calibration: does a confidence of 0.8 mean right in 80 % of the cases? Adaptive bins of equal counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mixset.errors import InputError

from .inputs import check_labels, check_logits, softmax


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Pictures in the order of their confidence, cut into bins; also the data of a reliability diagram."""

    confidence: np.ndarray
    """(bins,) float64, mean confidence."""
    accuracy: np.ndarray
    """(bins,) float64, share of right answers."""
    count: np.ndarray
    """(bins,) int64, pictures; their sum is N."""


def confidence_bins(confidence: ArrayLike, right: ArrayLike, *, bin_size: int = 100) -> Bins:
    """Sort by confidence, ascending, and cut into bins of `bin_size` pictures (Hendrycks et al., 2019).

    The last bin also takes the remainder; fewer than `bin_size` pictures are one bin. The sort is stable: pictures of
    equal confidence stay in the order given (the paper's code leaves their order to quicksort).

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether the answer was right.
    """
    values, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if values.ndim != 1 or values.shape != hits.shape or len(values) == 0:
        raise InputError(f"confidence and right must be (N,) of equal N > 0, got {values.shape} and {hits.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise InputError("confidences must be numbers within 0..1")
    if bin_size < 1:
        raise InputError(f"bin_size must be at least 1, got {bin_size}")
    order = np.argsort(values, kind="stable")
    starts = np.arange(max(len(values) // bin_size, 1)) * bin_size
    count = np.diff(np.append(starts, len(values)))
    return Bins(
        confidence=np.add.reduceat(values[order], starts) / count,
        accuracy=np.add.reduceat(hits[order], starts) / count,
        count=count,
    )


def rms_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The root mean square gap between confidence and accuracy, weighted by the bins' share of all pictures."""
    share = bins.count / bins.count.sum()
    gaps = share * (bins.confidence - bins.accuracy) ** 2
    return float(np.sqrt(gaps.sum() if last_bin else gaps[:-1].sum()))


def rms_calibration_error(logits: ArrayLike, labels: ArrayLike, *, last_bin: bool = True, bin_size: int = 100) -> float:
    """RMS calibration error of the largest softmax, a fraction.

    Args:
        logits: (N, classes).
        labels: (N,) class numbers.
        last_bin: False is the paper's code, which leaves the most confident bin out of the sum but not out of N
            (so one bin alone, N < 2 bin_size, gives 0); True counts all bins.
    """
    return rms_of_bins(reliability(logits, labels, bin_size=bin_size), last_bin=last_bin)


def reliability(logits: ArrayLike, labels: ArrayLike, *, bin_size: int = 100) -> Bins:
    """`confidence_bins` of the largest softmax of (N, classes) logits beside (N,) labels."""
    checked = check_logits(logits)
    right = checked.argmax(axis=1) == check_labels(labels, checked)
    return confidence_bins(softmax(checked).max(axis=1), right, bin_size=bin_size)
