"""AUROC, AUPR and FPR95 beside counting by hand, and by identities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset._common.errors import InputError
from pixmix import measures

SCORES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=25)


def plain_auroc(known: list[float], anomalous: list[float]) -> float:
    """The share of pairs in the right order, ties half."""
    return float(np.mean([(a > k) + 0.5 * (a == k) for a in anomalous for k in known]))


def plain_aupr(known: list[float], anomalous: list[float]) -> float:
    """Precision at each threshold, weighted by what recall it adds."""
    total, before = 0.0, 0.0
    for threshold in sorted({*known, *anomalous}, reverse=True):
        found = sum(a >= threshold for a in anomalous)
        flagged = found + sum(k >= threshold for k in known)
        recall = found / len(anomalous)
        total += (recall - before) * found / flagged
        before = recall
    return total


def plain_fpr95(known: list[float], anomalous: list[float]) -> float:
    rates = [
        float(np.mean(np.array(known) >= threshold))
        for threshold in {*known, *anomalous}
        if np.mean(np.array(anomalous) >= threshold) >= 0.95
    ]
    return min(rates)


def plain_fpr95_reference(known: list[float], anomalous: list[float]) -> float:
    """The original's walk from the highest threshold down, restated: the last of those nearest to 95 %."""
    nearest, rate, below = math.inf, 0.0, False
    for threshold in sorted({*known, *anomalous}, reverse=True):
        found = sum(a >= threshold for a in anomalous) / len(anomalous)
        if not below and abs(found - 0.95) <= nearest:
            nearest, rate = abs(found - 0.95), sum(k >= threshold for k in known) / len(known)
        below = below or found == 1
    return rate


@settings(max_examples=80, deadline=None)
@given(known=SCORES, anomalous=SCORES)
def test_equal_counting_by_hand(known: list[float], anomalous: list[float]) -> None:
    assert measures.fpr95_reference(known, anomalous) == pytest.approx(plain_fpr95_reference(known, anomalous))
    assert measures.auroc(known, anomalous) == pytest.approx(plain_auroc(known, anomalous))
    assert measures.aupr(known, anomalous) == pytest.approx(plain_aupr(known, anomalous))
    assert measures.fpr95(known, anomalous) == pytest.approx(plain_fpr95(known, anomalous))


def test_perfect_separation() -> None:
    known, anomalous = np.linspace(-1, 0, 50), np.linspace(0.1, 1, 10)
    assert measures.auroc(known, anomalous) == 1
    assert measures.aupr(known, anomalous) == pytest.approx(1)
    assert measures.fpr95(known, anomalous) == 0
    assert measures.auroc(anomalous, known) == 0
    assert measures.fpr95(anomalous, known) == 1


def test_fpr95_counts_95_percent_as_enough() -> None:
    known, anomalous = [0.5, 2.0, 3.0, 4.0], [0.0] + [1.0] * 19
    assert measures.fpr95(known, anomalous) == 0.75


def test_the_originals_fpr95_takes_the_share_found_nearest_to_95_percent() -> None:
    """90 % found is as near as 100 %, and float64 has it nearer; of thresholds that find 90 % it takes the lowest."""
    known, anomalous = [4.5, 2.0, 1.5, 0.0], [5.0] * 9 + [1.0]
    assert measures.fpr95(known, anomalous) == 0.75
    assert measures.fpr95_reference(known, anomalous) == 0.75
    assert measures.fpr95_reference([4.5, 0.5, 0.2, 0.1], anomalous) == 0.25
    assert measures.fpr95_reference([0.5, 0.4, 0.3, 0.1], [5.0] * 9 + [0.35]) == 0.5
    assert measures.fpr95_reference([0.9, 0.8], [1.0] * 19 + [0.1]) == 1
    assert measures.fpr95([0.9, 0.8], [1.0] * 19 + [0.1]) == 0


def test_a_score_that_says_nothing_is_chance() -> None:
    known, anomalous = np.zeros(50), np.zeros(10)
    assert measures.auroc(known, anomalous) == 0.5
    assert measures.aupr(known, anomalous) == pytest.approx(1 / 6)
    assert measures.fpr95(known, anomalous) == measures.fpr95_reference(known, anomalous) == 1


def test_unsure_images_have_the_higher_score() -> None:
    scores = measures.msp(np.array([[9.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    assert scores[0] < scores[1] < scores[2] == pytest.approx(-1 / 3)


@pytest.mark.parametrize("measure", measures.DETECTION.values())
@pytest.mark.parametrize(
    ("known", "anomalous", "line"),
    [
        ([], [1.0], "in-distribution scores must be"),
        ([1.0], [], "out-of-distribution scores must be"),
        ([1.0], [[1.0]], r"\(N,\)"),
        ([float("nan")], [1.0], "NaN"),
        ([1.0], [float("inf")], "infinite"),
    ],
)
def test_bad_scores_are_refused(
    measure: Callable[..., Any], known: list[float], anomalous: list[float | list[float]], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        measure(known, anomalous)


def test_diverged_logits_are_refused() -> None:
    with pytest.raises(InputError, match="not finite"):
        measures.msp([[float("nan"), 0.0]])
