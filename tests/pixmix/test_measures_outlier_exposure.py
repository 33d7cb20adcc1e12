"""Anomaly scores, and the outlier-exposure protocol beside its original code restated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mixset._common.errors import InputError
from pixmix import measures


def plain_count(known: int, available: int, batch_size: int) -> int:
    """Outliers that the original loop scores: whole batches until a fifth is reached, then cut to a fifth."""
    fifth, scored = known // 5, 0
    for batch, start in enumerate(range(0, available, batch_size)):
        if batch >= fifth // batch_size:
            break
        scored += min(batch_size, available - start)
    return min(scored, fifth)


@pytest.mark.parametrize("known", [10_000, 50_000, 1003])
@pytest.mark.parametrize("available", [1, 150, 5640, 26_032, 98_721])
@pytest.mark.parametrize("batch_size", [1, 100, 128, 200])
def test_whole_batches_are_the_original_loops(known: int, available: int, batch_size: int) -> None:
    found = measures.outlier_count(known, available, batch_size=batch_size)
    assert found == plain_count(known, available, batch_size)


def test_counts_are_the_known_ones() -> None:
    assert measures.outlier_count(10_000) == 2000
    assert measures.outlier_count(10_000, batch_size=200) == 2000
    assert measures.outlier_count(50_000) == 10_000
    assert measures.outlier_count(50_000, batch_size=128) == 9984
    assert measures.outlier_count(50_000, 5640) == 5640


def test_indices_are_a_draw_of_seed_and_repetition() -> None:
    draw = measures.outlier_indices(1000, 700, seed=3)
    assert len(set(draw.tolist())) == 200 and draw.min() >= 0 and draw.max() < 700
    assert (np.diff(draw) > 0).all()
    np.testing.assert_array_equal(draw, measures.outlier_indices(1000, 700, seed=3))
    for other in ({"seed": 4}, {"seed": 3, "repetition": 1}):
        assert set(draw.tolist()) != set(measures.outlier_indices(1000, 700, **other).tolist())
    np.testing.assert_array_equal(measures.outlier_indices(1000, 150, seed=0), np.arange(150))
    assert len(measures.outlier_indices(1000, 700, seed=0, batch_size=64)) == 192


def test_every_image_is_as_likely_as_any() -> None:
    counts = np.zeros(50)
    for repetition in range(400):
        counts[measures.outlier_indices(100, 50, seed=0, repetition=repetition)] += 1
    assert counts.sum() == 400 * 20
    assert abs(counts - 160).max() < 5 * math.sqrt(400 * 0.4 * 0.6)


def test_detection_is_each_set_and_the_unweighted_mean() -> None:
    rng = np.random.default_rng(0)
    known, sets = rng.normal(size=500), {"textures": rng.normal(1, 1, 100), "svhn": rng.normal(0.2, 1, 20)}
    found = measures.detection(known, sets)
    assert list(found) == ["textures", "svhn", "mean"]
    for name, scores in sets.items():
        assert found[name]["auroc"] == pytest.approx(np.mean(scores[:, None] > known))
        assert found[name]["aupr"] == measures.aupr(known, scores)
        assert found[name]["fpr95"] == measures.fpr95(known, scores)
    for measure in ("auroc", "aupr", "fpr95"):
        assert found["mean"][measure] == pytest.approx((found["textures"][measure] + found["svhn"][measure]) / 2)


def test_a_fifth_of_outliers_makes_chance_a_sixth() -> None:
    count = measures.outlier_count(3000)
    assert measures.aupr(np.zeros(3000), np.zeros(count)) == pytest.approx(1 / 6)


def test_scores_are_their_formulas() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (40, 7)).astype(np.float32)
    for row, msp, largest, energy in zip(
        logits.tolist(), measures.msp(logits), measures.max_logit(logits), measures.energy(logits), strict=True
    ):
        total = sum(math.exp(value) for value in row)
        assert msp == pytest.approx(-math.exp(max(row)) / total)
        assert largest == -max(row)
        assert energy == pytest.approx(-math.log(total))


@pytest.mark.parametrize("score", [measures.msp, measures.max_logit, measures.energy])
def test_scores_are_higher_for_the_unsure_and_bear_large_logits(score: Callable[[ArrayLike], np.ndarray]) -> None:
    logits = np.array([[900.0, 0.0, 0.0], [4.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    scores = score(logits)
    assert scores.shape == (4,) and scores.dtype == np.float64
    assert (np.diff(scores) > 0).all()
    with pytest.raises(InputError, match="not finite"):
        score([[float("nan"), 0.0]])


def test_scores_of_bytes_do_not_wrap_around() -> None:
    assert measures.max_logit(np.array([[3, 200]], np.uint8)).tolist() == [-200.0]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: measures.outlier_count(4), "4 images are too few"),
        (lambda: measures.outlier_count(500, batch_size=128), "batches of 128 do not go into 100"),
        (lambda: measures.outlier_count(500, batch_size=0), "batches of 0"),
        (lambda: measures.outlier_indices(500, 0, seed=0), "has no image"),
        (lambda: measures.detection([0.0], {}), "at least one set"),
        (lambda: measures.detection([0.0], {"mean": [1.0]}), "none named mean"),
        (lambda: measures.detection([0.0], {"svhn": []}), "out-of-distribution scores must be"),
    ],
)
def test_bad_input_is_one_clear_line(call: Callable[..., Any], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        call()
    assert "\n" not in str(caught.value)
