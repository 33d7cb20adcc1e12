"""A network's answers by confidence, in bins: the data of calibration errors and of reliability diagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.arguments import check_whole
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


def equal_mass_bins(confidence: ArrayLike, right: ArrayLike, *, bins: int = 15) -> Bins:
    """Sort images by confidence and split them into `bins` bins that differ by at most one image.

    The first bins have the additional images; of fewer images than bins each has a bin. The sort is stable.

    Args:
        confidence: (N,) in [0, 1].
        right: (N,) whether each answer is right.
        bins: the number of bins.

    Raises:
        InputError: the arrays differ in length or are empty, or a value is out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.equal_mass_bins([0.5, 0.25, 0.75], [True, False, True], bins=2).confidence
        array([0.375, 0.75 ])
    """
    values, hits = checked_answers(confidence, right)
    number = min(check_whole("bins", bins, low=1, high=1 << 31), len(values))
    count = np.full(number, len(values) // number)
    count[: len(values) % number] += 1
    return sorted_bins(values, hits, count)


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
    """Both as float64, (N,); InputError where they cannot be a network's answers."""
    values, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if values.ndim != 1 or values.shape != hits.shape or len(values) == 0:
        raise InputError(f"confidence and right must be (N,) of equal N > 0, got {values.shape} and {hits.shape}")
    if not (values.min() >= 0 and values.max() <= 1):
        raise InputError("confidences must be numbers within 0..1")
    return values, hits
