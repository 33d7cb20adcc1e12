"""Calibration errors over bins of confidence: RMS, MAD, maximum and ECE.

A network is calibrated if 80 % of its answers with a confidence of 0.8 are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._bins import Answers, Bins, answers, check_bins, confidence_bins, equal_width_bins


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
