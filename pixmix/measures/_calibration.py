"""Calibration errors over bins of confidence: RMS, MAD, maximum and ECE.

A network is calibrated if 80 % of its answers with a confidence of 0.8 are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._inputs import Undefined, check_labels, check_logits, confidences


class Answers(NamedTuple):
    """What calibration needs of a network's answers: 9 bytes per image instead of its logits."""

    confidence: np.ndarray
    """The largest softmax probability of each image, (N,) float64 in (0, 1]."""
    right: np.ndarray
    """Whether the class of the largest logit is the label, (N,) bool."""


@dataclass(frozen=True, kw_only=True)
class Bins:
    """Bins of images by confidence, ascending: the data of a reliability diagram."""

    confidence: np.ndarray
    """The mean confidence in each bin, (bins,) float64."""
    accuracy: np.ndarray
    """The fraction of right answers in each bin, (bins,) float64."""
    count: np.ndarray
    """The number of images in each bin, (bins,) int64; their sum is N."""


def answers(logits: ArrayLike, labels: ArrayLike) -> Answers:
    """The confidence and correctness of a network's answers.

    Args:
        logits: (N, classes) finite numbers; of equal logits the lower class is the answer.
        labels: (N,) class numbers.

    Raises:
        InputError: other shapes, logits that are not finite, or labels out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.answers([[0.0, 0.0], [0.0, 0.0]], [0, 1])
        Answers(confidence=array([0.5, 0.5]), right=array([ True, False]))
    """
    checked = check_logits(logits)
    right = checked.argmax(axis=1) == check_labels(labels, checked)
    return Answers(confidences(checked), right)


def confidence_bins(confidence: ArrayLike, right: ArrayLike, *, bin_size: int = 100) -> Bins:
    """Sort images by confidence and split them into bins of `bin_size` (Hendrycks et al., 2019).

    The last bin also has the remainder; fewer than `bin_size` images form one bin. The sort is stable, whereas the
    paper's code leaves the order of images with equal confidence to quicksort.

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether each answer is right.
        bin_size: images per bin.

    Raises:
        InputError: the arrays differ in length or are empty, or a value is out of range.

    Example:
        >>> from pixmix import measures
        >>> bins = measures.confidence_bins([0.75, 0.5, 1.0], [True, False, True], bin_size=1)
        >>> bins.confidence, bins.accuracy
        (array([0.5 , 0.75, 1.  ]), array([0., 1., 1.]))
    """
    values, hits = checked_answers(confidence, right)
    if bin_size < 1:
        raise InputError(f"bin_size must be at least 1, got {bin_size}")
    starts = np.arange(max(len(values) // bin_size, 1)) * bin_size
    return sorted_bins(values, hits, np.diff(np.append(starts, len(values))))


def equal_width_bins(confidence: ArrayLike, right: ArrayLike, *, bins: int = 15) -> Bins:
    """Bins (i / bins, (i + 1) / bins] of confidence (Guo et al., 2017), without empty ones.

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether each answer is right.
        bins: the number of bins, including empty ones.

    Raises:
        InputError: the arrays differ in length or are empty, or a value is out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.equal_width_bins([0.25, 0.75, 1.0], [True, False, True], bins=2).count
        array([1, 2])
    """
    values, hits = checked_answers(confidence, right)
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}")
    edges = np.linspace(0, 1, bins + 1)
    index = np.maximum(np.searchsorted(edges, values, side="left") - 1, 0)
    count = np.bincount(index, minlength=bins)
    occupied = count > 0
    return Bins(
        confidence=np.bincount(index, values, bins)[occupied] / count[occupied],
        accuracy=np.bincount(index, hits, bins)[occupied] / count[occupied],
        count=count[occupied],
    )


def rms_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The root mean square gap between confidence and accuracy, weighted by the bins' numbers of images.

    Args:
        bins: the bins.
        last_bin: whether the last bin counts.

    Raises:
        Undefined: there is a single bin, and it does not count.

    Example:
        >>> from pixmix import measures
        >>> bins = measures.confidence_bins([0.5, 0.5, 0.5, 0.5], [False, True, True, True], bin_size=2)
        >>> round(measures.rms_of_bins(bins, last_bin=True), 3)
        0.354
    """
    share, gaps = _gaps(bins, last_bin)
    return float(np.sqrt((share * gaps**2).sum()))


def mad_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The mean absolute gap between confidence and accuracy, weighted by the bins' numbers of images.

    Arguments and errors are those of `rms_of_bins`.

    Example:
        >>> from pixmix import measures
        >>> bins = measures.confidence_bins([0.5, 0.5, 0.5, 0.5], [False, True, True, True], bin_size=2)
        >>> measures.mad_of_bins(bins, last_bin=True)
        0.25
    """
    share, gaps = _gaps(bins, last_bin)
    return float((share * gaps).sum())


def max_of_bins(bins: Bins, *, last_bin: bool) -> float:
    """The largest absolute gap between confidence and accuracy in a bin; arguments and errors as for `rms_of_bins`.

    Example:
        >>> from pixmix import measures
        >>> bins = measures.confidence_bins([0.5, 0.5, 0.5, 0.5], [False, True, True, True], bin_size=2)
        >>> measures.max_of_bins(bins, last_bin=True)
        0.5
    """
    return float(_gaps(bins, last_bin)[1].max())


def rms_calibration_error(logits: ArrayLike, labels: ArrayLike, *, last_bin: bool = True, bin_size: int = 100) -> float:
    """RMS calibration error of the largest softmax probability, a fraction (Hendrycks et al., 2019).

    Args:
        logits: (N, classes) finite numbers.
        labels: (N,) class numbers.
        last_bin: True counts all bins; False follows the paper's code, which leaves the most confident bin out of the
            sum, but not out of N.
        bin_size: images per bin.

    Raises:
        InputError: invalid logits or labels.
        Undefined: there is a single bin (N < 2 · bin_size), and it does not count.

    Example:
        >>> from pixmix import measures
        >>> measures.rms_calibration_error([[0.0, 0.0]] * 4, [0, 0, 0, 1])  # 75 % are right
        0.25
    """
    return rms_of_bins(reliability(logits, labels, bin_size=bin_size), last_bin=last_bin)


def reliability(logits: ArrayLike, labels: ArrayLike, *, bin_size: int = 100) -> Bins:
    """The data of a reliability diagram: `confidence_bins` of the answers with these logits and labels.

    Args:
        logits: (N, classes) finite numbers.
        labels: (N,) class numbers.
        bin_size: images per bin.

    Raises:
        InputError: invalid logits or labels.

    Example:
        >>> from pixmix import measures
        >>> measures.reliability([[0.0, 0.0]] * 4, [0, 0, 0, 1]).accuracy
        array([0.75])
    """
    return confidence_bins(*answers(logits, labels), bin_size=bin_size)


def _adaptive(norm: Callable[..., float], last_bin: bool, answered: Answers) -> float:
    return norm(confidence_bins(*answered), last_bin=last_bin)


def ece(answered: Answers, *, bins: int = 15) -> float:
    """Expected calibration error: the mean absolute gap over bins of equal width (Guo et al., 2017), a fraction.

    Args:
        answered: the network's answers, from `answers`.
        bins: the number of bins.

    Example:
        >>> from pixmix import measures
        >>> measures.ece(measures.answers([[0.0, 0.0]] * 4, [0, 0, 0, 1]))
        0.25
    """
    return mad_of_bins(equal_width_bins(*answered, bins=bins), last_bin=True)


CALIBRATION: dict[str, Callable[[Answers], float]] = {
    "rms_reference": partial(_adaptive, rms_of_bins, False),
    "rms_all_bins": partial(_adaptive, rms_of_bins, True),
    "mad_reference": partial(_adaptive, mad_of_bins, False),
    "mad_all_bins": partial(_adaptive, mad_of_bins, True),
    "max_reference": partial(_adaptive, max_of_bins, False),
    "max_all_bins": partial(_adaptive, max_of_bins, True),
    "ece": ece,
}
"""Calibration errors by name; `_reference` marks the form of the paper's code, without the most confident bin."""


def pooled_calibration(
    sets: Mapping[str, Mapping[int, Answers]],
    measure: Callable[[Answers], float],
    *,
    pooling: Literal["corruption", "severity"],
) -> dict[str, float]:
    """A calibration error for each corruption; their mean is the paper's RMS on C and C̄.

    Args:
        sets: corruption → severity → answers.
        measure: one of `CALIBRATION`.
        pooling: "corruption" bins the answers at all severities of a corruption together, as for CIFAR, whose files
            hold all five; "severity" takes the mean over severities, as the paper's code does for ImageNet.

    Returns:
        Corruption → calibration error, a fraction.

    Raises:
        InputError: there is no corruption, or one without severities.

    Example:
        >>> from pixmix import measures
        >>> fog = measures.answers([[0.0, 0.0]] * 4, [0, 0, 0, 1])
        >>> measures.pooled_calibration({"fog": {1: fog, 2: fog}}, measures.ece, pooling="corruption")
        {'fog': 0.25}
    """
    if not sets or not all(sets.values()):
        raise InputError("calibration: at least one corruption, and one severity of each, is needed")
    if pooling == "severity":
        return {
            name: float(np.mean([measure(answered) for answered in by_severity.values()]))
            for name, by_severity in sets.items()
        }
    return {name: measure(_concatenate(by_severity)) for name, by_severity in sets.items()}


def _concatenate(by_severity: Mapping[int, Answers]) -> Answers:
    """The answers at all severities in ascending order, like the rows of a CIFAR-C file."""
    parts = [by_severity[severity] for severity in sorted(by_severity)]
    return Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _gaps(bins: Bins, last_bin: bool) -> tuple[np.ndarray, np.ndarray]:
    """The fraction of all images in each bin that counts, and its absolute gap."""
    share, gaps = bins.count / bins.count.sum(), np.abs(bins.confidence - bins.accuracy)
    if last_bin:
        return share, gaps
    check_bins(len(bins.count), int(bins.count.sum()))
    return share[:-1], gaps[:-1]


def check_bins(bins: int, images: int) -> None:
    """Raise Undefined if there is a single bin, which the reference form leaves out."""
    if bins < 2:
        raise Undefined(f"the paper's code leaves the last bin out, and {images:,} images are one bin: two are needed")


def sorted_bins(values: np.ndarray, hits: np.ndarray, count: np.ndarray) -> Bins:
    """Bins of so many images each, in the order of their confidence; the sort is stable."""
    order, starts = np.argsort(values, kind="stable"), np.cumsum(count) - count
    return Bins(
        confidence=np.add.reduceat(values[order], starts) / count,
        accuracy=np.add.reduceat(hits[order], starts) / count,
        count=count,
    )


def checked_answers(confidence: ArrayLike, right: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    values, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if values.ndim != 1 or values.shape != hits.shape or len(values) == 0:
        raise InputError(f"confidence and right must be (N,) of equal N > 0, got {values.shape} and {hits.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise InputError("confidences must be numbers within 0..1")
    return values, hits
