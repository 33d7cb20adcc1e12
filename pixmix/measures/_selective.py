"""Selective prediction: what a network gets wrong if it may leave its least confident answers out.

Images are taken in the order of confidence, descending; equal confidences stay in the order given. Among the first k of
N, e_k are wrong: the risk is e_k / k at the coverage k / N.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.arguments import check_number, check_whole
from mixset._common.kernels import kernel

from .._common import threads
from ._bins import Answers, checked_answers
from ._intervals import Statistic, distinct


class RiskCoverage(NamedTuple):
    """A risk–coverage curve."""

    coverage: np.ndarray
    """The share of images answered, ascending to 1, (points,) float64."""
    risk: np.ndarray
    """The share of wrong answers among them, (points,) float64."""


def risk_coverage(answered: Answers, *, points: int | None = None) -> RiskCoverage:
    """The risk at each coverage.

    Args:
        answered: the network's answers, from `answers`.
        points: how many to keep, evenly spaced, the last included; None: one for each image.

    Raises:
        InputError: the answers differ in length, are none, or have confidences out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.risk_coverage(measures.Answers([0.5, 0.75], [False, True])).risk
        array([0. , 0.5])
    """
    wrong = _errors(answered)
    count = np.arange(1, len(wrong) + 1)
    kept = count - 1
    if points is not None and check_whole("points", points, low=1, high=1 << 31) < len(wrong):
        kept = np.linspace(len(wrong) // points, len(wrong), points).round().astype(np.int64) - 1
    return RiskCoverage(count[kept] / len(wrong), np.cumsum(wrong)[kept] / count[kept])


def aurc(answered: Answers) -> float:
    """Area under the risk–coverage curve: the mean risk over all coverages (Geifman & El-Yaniv, 2017), a fraction.

    Args:
        answered: the network's answers, from `answers`.

    Example:
        >>> from pixmix import measures
        >>> measures.aurc(measures.Answers([0.5, 0.75], [False, True]))
        0.25
    """
    return float(risk_coverage(answered).risk.mean())


def aurc_trapezoid(answered: Answers) -> float:
    """The area by the trapezoid rule from coverage 1/N to 1, over that range, as torch-uncertainty has it.

    A single image has no range; its risk is the area. Arguments are those of `aurc`.

    Example:
        >>> from pixmix import measures
        >>> measures.aurc_trapezoid(measures.Answers([0.5, 0.75], [False, True]))
        0.25
    """
    risk = risk_coverage(answered).risk
    return float((risk[1:] + risk[:-1]).mean() / 2) if len(risk) > 1 else float(risk[0])


def e_aurc(answered: Answers) -> float:
    """Excess AURC: `aurc` minus that of the best order, in which all errors come last (Geifman et al., 2019).

    Of the best order exactly, not by the original's approximation for many images. Arguments are those of `aurc`.

    Example:
        >>> from pixmix import measures
        >>> measures.e_aurc(measures.Answers([0.5, 0.75], [False, True]))
        0.0
    """
    wrong = _errors(answered)
    return aurc(answered) - float((np.cumsum(np.sort(wrong)) / np.arange(1, len(wrong) + 1)).mean())


def augrc(answered: Answers) -> float:
    """Area under the generalised risk–coverage curve: the mean of e_k / N (Traub et al., 2024), at most 1/2 + 1/(2N).

    The risk of an undetected error: unlike `aurc` it does not weigh the most confident errors more than others.
    Arguments are those of `aurc`.

    Example:
        >>> from pixmix import measures
        >>> measures.augrc(measures.Answers([0.5, 0.75], [False, True]))
        0.25
    """
    wrong = _errors(answered)
    return float(np.cumsum(wrong).mean() / len(wrong))


def coverage_at_risk(answered: Answers, *, risk: float = 0.05) -> float:
    """The largest coverage at which the risk is at most `risk`, a fraction; 0 where there is none.

    Args:
        answered: the network's answers, from `answers`.
        risk: the share of wrong answers that is accepted.

    Raises:
        InputError: invalid answers, or a risk that is not a fraction.

    Example:
        >>> from pixmix import measures
        >>> measures.coverage_at_risk(measures.Answers([0.5, 0.75], [False, True]))
        0.5
    """
    accepted = check_number("risk", risk, low=0, high=1)
    curve = risk_coverage(answered)
    return float(max(curve.coverage[curve.risk <= accepted], default=0.0))


def selection_of(answered: Answers, *, images: int | None = None) -> Statistic:
    """`aurc`, `e_aurc`, `augrc` and `coverage_at_risk` as one statistic for `bootstrap`.

    Args:
        answered: the network's answers, from `answers`; those at several severities one after another.
        images: the number of distinct images, if each is answered at several severities.

    Raises:
        InputError: invalid answers, or their number is not a multiple of that of images.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> measures.selection_of(measures.Answers([0.5, 0.75], [False, True]))(np.array([[1, 1]], np.int32))
        array([[0.25, 0.  , 0.25, 0.5 ]])
    """
    confidence, hits = checked_answers(*answered)
    count = distinct(len(hits), images)
    order = np.argsort(-confidence, kind="stable")
    wrong, image = hits[order] == 0, (order % count).astype(np.int32)
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, len(wrong) + 1)))

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.empty((len(counts), 4))
        threads.run(_select, len(counts), (counts, image, wrong, harmonic, values), values=counts.size)
        return values

    return statistic


def _errors(answered: Answers) -> np.ndarray:
    """1 for each wrong answer, 0 for each right one, in descending order of confidence."""
    confidence, hits = checked_answers(*answered)
    return 1 - hits[np.argsort(-confidence, kind="stable")]


@kernel
def _select(
    first: int,
    last: int,
    counts: np.ndarray,
    image: np.ndarray,
    wrong: np.ndarray,
    harmonic: np.ndarray,
    values: np.ndarray,
) -> None:
    """All four in one pass over descending confidences, with each image as often as it was drawn."""
    total = len(image)
    for row in range(first, last):
        taken, errors, risks, generalised, covered = 0, 0, 0.0, 0.0, 0
        for index in range(total):
            for _ in range(counts[row, image[index]]):
                taken += 1
                if wrong[index]:
                    errors += 1
                risks += errors / taken
                generalised += errors
                if errors <= 0.05 * taken:
                    covered = taken
        best = errors - (total - errors) * (harmonic[total] - harmonic[total - errors])
        values[row, 0] = risks / total
        values[row, 1] = (risks - best) / total
        values[row, 2] = generalised / total / total
        values[row, 3] = covered / total
