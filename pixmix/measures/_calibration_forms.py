"""Further calibration errors: over bins of equal mass, class by class, and without bins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft

from mixset._common.arguments import check_whole

from ._bins import Answers, checked_answers, equal_mass_bins
from ._calibration import mad_of_bins
from ._inputs import check_labels, check_logits, softmax

_VALUES = 1 << 20
"""Probabilities of a block: 8 MB."""


def adaptive_ece(answered: Answers, *, bins: int = 15) -> float:
    """The mean absolute gap over bins of equal mass (Nguyen & O'Connor, 2015), a fraction.

    Args:
        answered: the network's answers, from `answers`.
        bins: the number of bins.

    Example:
        >>> from pixmix import measures
        >>> measures.adaptive_ece(measures.answers([[0.0, 0.0]] * 4, [0, 1, 0, 1]), bins=1)
        0.0
    """
    return mad_of_bins(equal_mass_bins(*answered, bins=bins), last_bin=True)


def classwise_ece(logits: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> float:
    """The mean over classes of the error of each class's probability (Kull et al., 2019), a fraction.

    For each class, its probability is binned over all images by equal width, and compared with how often it is right.

    Args:
        logits: (N, classes) finite numbers.
        labels: (N,) class numbers.
        bins: the number of bins.

    Raises:
        InputError: invalid logits or labels, or no bins.

    Example:
        >>> from pixmix import measures
        >>> measures.classwise_ece([[0.0, 0.0]] * 4, [0, 0, 0, 1])
        0.25
    """
    gaps = classwise_gaps(logits, labels, bins=bins)
    return mean_of_gaps(gaps, len(np.asarray(labels)))


def classwise_gaps(logits: ArrayLike, labels: ArrayLike, *, bins: int = 15) -> np.ndarray:
    """The sums over images of probability less correctness in each bin of each class, (classes, bins) float64.

    Those of several sets of images add up to those of all. Arguments are those of `classwise_ece`.
    """
    checked = check_logits(logits)
    given = check_labels(labels, checked)
    number, classes = check_whole("bins", bins, low=1, high=1 << 20), checked.shape[1]
    edges, gaps = np.linspace(0, 1, number + 1), np.zeros(classes * number)
    offsets, rows = np.arange(classes) * number, max(_VALUES // classes, 1)
    for start in range(0, len(checked), rows):
        p = softmax(checked[start : start + rows])
        index = np.minimum(np.maximum(np.searchsorted(edges, p.ravel(), side="left") - 1, 0), number - 1)
        p[np.arange(len(p)), given[start : start + rows]] -= 1
        gaps += np.bincount(index + np.tile(offsets, len(p)), p.ravel(), len(gaps))
    return gaps.reshape(classes, number)


def mean_of_gaps(gaps: np.ndarray, images: int) -> float:
    """The class-wise ECE of `images` images, from their `classwise_gaps`."""
    return float(np.abs(gaps).sum() / (images * len(gaps)))


def smooth_ece(answered: Answers) -> float:
    """Calibration error without bins (Błasiok & Nakkiran, 2024), a fraction.

    The gap between confidence and correctness is smoothed over confidences by a Gaussian that is reflected at 0 and 1.
    Its width is that at which it equals the error itself, to 1/1024, so there is nothing to choose.

    Args:
        answered: the network's answers, from `answers`.

    Raises:
        InputError: the answers differ in length, are none, or have confidences out of range.

    Example:
        >>> from pixmix import measures
        >>> round(measures.smooth_ece(measures.answers([[0.0, 0.0]] * 4, [0, 0, 0, 1])), 3)
        0.25
    """
    confidence, hits = checked_answers(*answered)
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        if middle < 0.001 or middle < _smoothed(confidence, hits, middle):
            low = middle
        else:
            high = middle
    return _smoothed(confidence, hits, high)


def _smoothed(confidence: np.ndarray, hits: np.ndarray, width: float) -> float:
    """The error at a width of the kernel, on the grids of relplot, the authors' code, which cuts the kernel at ±1/2."""
    points = max(2000, round(20 / width)) // 2 + 1
    place = confidence * (points - 1)
    lower = np.minimum(place.astype(np.int64), points - 2)
    share = place - lower
    reflected = []
    for weights in (confidence - hits, np.ones_like(confidence)):
        grid = np.bincount(lower, weights * (1 - share), points) + np.bincount(lower + 1, weights * share, points)
        reflected.append(np.concatenate([grid[:0:-1], grid, grid[-2::-1]]))
    offsets = np.linspace(-0.5, 0.5, points)
    kernel = np.exp(-(offsets**2) / (2 * width**2)) / (math.sqrt(2 * math.pi) * width)
    length = fft.next_fast_len(len(reflected[0]) + points, real=True)
    smoothed = fft.irfft(fft.rfft(reflected, length) * fft.rfft(kernel, length), length)
    first = points - 1 + (points - 1) // 2  # of the middle third, where the kernel's middle has come
    gap, density = smoothed[:, first : first + points]
    read, at = np.linspace(0, 1, max(200, round(10 / width))), np.linspace(0, 1, points)
    gap, density = np.interp(read, at, gap), np.interp(read, at, density) + 1e-4
    return float(np.abs(gap).sum() / density.sum())
