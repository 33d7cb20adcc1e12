"""Calibration: does a confidence of 0.8 mean right in 80 % of the cases? RMS, MAD and ECE over bins of confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._inputs import Undefined, check_labels, check_logits, softmax


class Answers(NamedTuple):
    """What calibration needs of an image set: 9 bytes an image in place of its logits."""

    confidence: np.ndarray
    """(N,) float64, the largest softmax, in (0, 1]."""
    right: np.ndarray
    """(N,) bool, whether the class of the largest logit is the label."""


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Images in the order of their confidence, cut into bins; also the data of a reliability diagram."""

    confidence: np.ndarray
    """(bins,) float64, mean confidence."""
    accuracy: np.ndarray
    """(bins,) float64, share of right answers."""
    count: np.ndarray
    """(bins,) int64, images; their sum is N."""


def answers(logits: ArrayLike, labels: ArrayLike) -> Answers:
    """Confidence and correctness of (N, classes) logits beside (N,) labels; of equal logits the lower class wins."""
    checked = check_logits(logits)
    right = checked.argmax(axis=1) == check_labels(labels, checked)
    return Answers(softmax(checked).max(axis=1), right)


def confidence_bins(confidence: ArrayLike, right: ArrayLike, *, bin_size: int = 100) -> Bins:
    """Sort by confidence, ascending, and cut into bins of `bin_size` images (Hendrycks et al., 2019).

    The last bin also takes the remainder; fewer than `bin_size` images are one bin. The sort is stable: images of
    equal confidence stay in the order given (the paper's code leaves their order to quicksort).

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether the answer was right.
    """
    values, hits = _checked(confidence, right)
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


def equal_width_bins(confidence: ArrayLike, right: ArrayLike, *, bins: int = 15) -> Bins:
    """Bins (i / bins, (i + 1) / bins] of confidence (Guo et al., 2017), those without an image left out."""
    values, hits = _checked(confidence, right)
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}")
    edges = np.linspace(0, 1, bins + 1)
    index = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    count = np.bincount(index, minlength=bins)
    held = count > 0
    return Bins(
        confidence=np.bincount(index, values, bins)[held] / count[held],
        accuracy=np.bincount(index, hits, bins)[held] / count[held],
        count=count[held],
    )


def rms_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The root mean square gap between confidence and accuracy, weighted by the bins' share of all images.

    Without its last bin a single bin has no gap: Undefined is raised.
    """
    share, gaps = _gaps(bins, last_bin)
    return float(np.sqrt((share * gaps**2).sum()))


def mad_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The mean absolute gap between confidence and accuracy, weighted as in `rms_of_bins`."""
    share, gaps = _gaps(bins, last_bin)
    return float((share * gaps).sum())


def max_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The largest gap between confidence and accuracy in any bin."""
    return float(_gaps(bins, last_bin)[1].max())


def rms_calibration_error(logits: ArrayLike, labels: ArrayLike, *, last_bin: bool = True, bin_size: int = 100) -> float:
    """RMS calibration error of the largest softmax, a fraction.

    Args:
        logits: (N, classes).
        labels: (N,) class numbers.
        last_bin: False is the paper's code, which leaves the most confident bin out of the sum but not out of N; True
            counts all bins.

    Raises:
        Undefined: one bin alone (N < 2 bin_size), and that left out.
    """
    return rms_of_bins(reliability(logits, labels, bin_size=bin_size), last_bin=last_bin)


def reliability(logits: ArrayLike, labels: ArrayLike, *, bin_size: int = 100) -> Bins:
    """`confidence_bins` of the largest softmax of (N, classes) logits beside (N,) labels."""
    return confidence_bins(*answers(logits, labels), bin_size=bin_size)


def _adaptive(norm: Callable[..., float], last_bin: bool, given: Answers) -> float:
    return norm(confidence_bins(*given), last_bin=last_bin)


def ece(given: Answers, *, bins: int = 15) -> float:
    """Expected calibration error: the mean absolute gap over bins of equal width (Guo et al., 2017), a fraction."""
    return mad_of_bins(equal_width_bins(*given, bins=bins), last_bin=True)


CALIBRATION: dict[str, Callable[[Answers], float]] = {
    "rms_reference": partial(_adaptive, rms_of_bins, False),
    "rms_all_bins": partial(_adaptive, rms_of_bins, True),
    "mad_reference": partial(_adaptive, mad_of_bins, False),
    "mad_all_bins": partial(_adaptive, mad_of_bins, True),
    "max_reference": partial(_adaptive, max_of_bins, False),
    "max_all_bins": partial(_adaptive, max_of_bins, True),
    "ece": ece,
}
"""Every calibration error by name; `_reference` is the paper's code's form, without the most confident bin."""


def pooled_calibration(
    sets: Mapping[str, Mapping[int, Answers]],
    measure: Callable[[Answers], float],
    *,
    pooling: Literal["corruption", "severity"],
) -> dict[str, float]:
    """A calibration error of each corruption; their mean is the paper's RMS on C and C̄.

    Args:
        sets: corruption → severity → answers.
        measure: one of `CALIBRATION`.
        pooling: "corruption" bins the answers to all severities of a corruption together (the reading for CIFAR, whose
            files hold all five); "severity" bins each severity by itself and takes the mean (the paper's ImageNet
            code).

    Raises:
        InputError: no corruption, or one without severities.
    """
    if not sets or not all(sets.values()):
        raise InputError("calibration: at least one corruption, and one severity of each, is needed")
    if pooling == "severity":
        return {name: float(np.mean([measure(given) for given in each.values()])) for name, each in sets.items()}
    return {name: measure(_joined(each)) for name, each in sets.items()}


def _joined(by_severity: Mapping[int, Answers]) -> Answers:
    """All severities' answers in the order of severity, as the rows of a CIFAR-C file are."""
    parts = [by_severity[severity] for severity in sorted(by_severity)]
    return Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _gaps(bins: Bins, last_bin: bool) -> tuple[np.ndarray, np.ndarray]:
    """Share of all images and absolute gap of each bin that counts."""
    share, gaps = bins.count / bins.count.sum(), np.abs(bins.confidence - bins.accuracy)
    if last_bin:
        return share, gaps
    check_bins(len(bins.count), int(bins.count.sum()))
    return share[:-1], gaps[:-1]


def check_bins(bins: int, images: int) -> None:
    """Raise Undefined where `images` are one bin, which the reference form leaves out."""
    if bins < 2:
        raise Undefined(f"the paper's code leaves the last bin out, and {images:,} images are one bin: two are needed")


def _checked(confidence: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    values, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if values.ndim != 1 or values.shape != hits.shape or len(values) == 0:
        raise InputError(f"confidence and right must be (N,) of equal N > 0, got {values.shape} and {hits.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise InputError("confidences must be numbers within 0..1")
    return values, hits
