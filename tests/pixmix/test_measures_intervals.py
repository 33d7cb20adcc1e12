"""Intervals: coverage on draws whose truth is known, closed forms, and resampled statistics beside the plain ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from mixset._common.errors import InputError
from pixmix import measures
from pixmix.measures._bins import Answers
from pixmix.measures._resampled import detection_statistic


def ones(count: int) -> np.ndarray:
    return np.ones((1, count), np.int32)


def counts_of(drawn: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(drawn, minlength=count)[None].astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 400),
    multiplicity=st.integers(1, 3),
    bin_size=st.integers(1, 120),
    last_bin=st.booleans(),
    seed=st.integers(0, 99),
)
def test_resampled_rms_is_the_rms_of_the_resample(
    n: int, multiplicity: int, bin_size: int, last_bin: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    total = n * multiplicity
    last_bin = last_bin or total < 2 * bin_size
    confidence = rng.uniform(0, 1, total)
    given = measures.Answers(confidence, rng.random(total) < confidence)
    statistic = measures.rms_of(given, last_bin=last_bin, images=n, bin_size=bin_size)
    drawn = rng.integers(0, n, n)
    rows = (drawn + n * np.arange(multiplicity)[:, None]).ravel()
    for indices, counts in ((np.arange(total), ones(n)), (rows, counts_of(drawn, n))):
        bins = measures.confidence_bins(confidence[indices], given.right[indices], bin_size=bin_size)
        # Within a bin's edge, copies of one image are equal, so their order does not matter.
        assert statistic(counts)[0] == pytest.approx(measures.rms_of_bins(bins, last_bin=last_bin), abs=1e-12)


SCORES = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(known=SCORES, first=SCORES, second=SCORES, seed=st.integers(0, 99))
def test_resampled_detection_is_the_detection_of_the_resample(
    known: list[float], first: list[float], second: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    ours, sets = np.array(known), {"a": np.array(first), "b": np.array(second)}
    draws = [rng.integers(0, len(values), len(values)) for values in (ours, *sets.values())]
    counts = [counts_of(drawn, len(drawn)) for drawn in draws]
    values = detection_statistic(ours, sets)(*counts).reshape(3, 4)
    resampled = {name: scores[drawn] for (name, scores), drawn in zip(sets.items(), draws[1:], strict=True)}
    expected = measures.detection(ours[draws[0]], resampled)
    for row, name in zip(values, ("a", "b", "mean"), strict=True):
        assert row == pytest.approx(list(expected[name].values()), abs=1e-12)


def test_resampled_fpr95_counts_95_percent_as_enough() -> None:
    known, scores = np.array([0.5, 2.0, 3.0, 4.0]), np.array([0.0] + [1.0] * 19)
    values = detection_statistic(known, {"a": scores})(ones(4), ones(20))
    assert values[0, 2] == measures.fpr95(known, scores) == 0.75


def test_one_image_has_no_interval() -> None:
    with pytest.raises(measures.Undefined, match="an interval needs at least 2 images"):
        measures.bootstrap(measures.mean_of([0.5]), 1, seed=0)
    known, sets = np.arange(6.0), {"one": np.array([7.0]), "two": np.array([3.0, 7.0])}
    assert list(measures.detection_intervals(known, sets, seed=0)) == ["two"]
    assert measures.detection_intervals(known, {"one": sets["one"]}, seed=0) == {}


def test_intervals_of_detection_hold_the_values_and_agree_with_delong() -> None:
    rng = np.random.default_rng(0)
    known, sets = rng.normal(size=3000), {"near": rng.normal(0.5, 1, 600), "far": rng.normal(3, 1, 600)}
    found = measures.detection_intervals(known, sets, seed=0)
    values = measures.detection(known, sets)
    for name, each in found.items():
        for measure, (low, high) in each.items():
            assert 0 <= low < values[name][measure] < high <= 1
    for name, scores in sets.items():
        # DeLong's variance: of the placements of either kind among the other.
        of_scores = np.searchsorted(np.sort(known), scores) / len(known)
        of_known = 1 - np.searchsorted(np.sort(scores), known) / len(scores)
        error = np.sqrt(of_scores.var(ddof=1) / len(scores) + of_known.var(ddof=1) / len(known))
        low, high = found[name]["auroc"]
        assert high - low == pytest.approx(2 * 1.96 * error, rel=0.12)
    width = {name: each["auroc"][1] - each["auroc"][0] for name, each in found.items()}
    assert width["mean"] < width["near"]


def test_an_interval_of_a_mean_is_the_normal_one() -> None:
    values = np.random.default_rng(1).gamma(2, 1, (4000, 2))
    found = measures.bootstrap(measures.mean_of(values), 4000, seed=0, resamples=2000)
    spread = 1.96 * values.std(axis=0) / np.sqrt(4000)
    np.testing.assert_allclose(found, [values.mean(axis=0) - spread, values.mean(axis=0) + spread], atol=3e-3)


def test_covers_the_truth_as_often_as_it_says() -> None:
    """Of 200 test sets, the intervals of errors and of mean flips hold the truth in 95 %."""
    rng = np.random.default_rng(2)
    wilson, resampled = 0, 0
    for seed in range(200):
        wrong = rng.random(300) < 0.08
        low, high = measures.error_interval(wrong.mean(), 300)
        wilson += low <= 0.08 <= high
        flips = rng.beta(1, 9, 300)
        low, high = measures.bootstrap(measures.mean_of(flips), 300, seed=seed, resamples=300)
        resampled += low <= 0.1 <= high
    assert 180 <= wilson <= 199 and 180 <= resampled <= 199


def test_rms_intervals_hold_what_other_test_sets_give() -> None:
    """Of a well calibrated network, whose RMS is all noise: the percentile interval would lie above every value."""

    def one(seed: int) -> Answers:
        rng = np.random.default_rng(seed)
        confidence = rng.beta(5, 1, 5000)
        return measures.Answers(confidence, rng.random(5000) < confidence)

    others = np.array([measures.CALIBRATION["rms_all_bins"](one(seed)) for seed in range(1, 200)])
    given = one(0)
    value = measures.CALIBRATION["rms_all_bins"](given)
    low, high = measures.bootstrap(measures.rms_of(given, last_bin=True), 5000, seed=0, resamples=500)
    assert low < value < high
    truth = np.quantile(others, 0.975) - np.quantile(others, 0.025)
    assert truth <= (high - low) * 1.1 and high - low <= 1.5 * truth


def test_corruptions_share_their_images() -> None:
    """The mean of one statistic taken five times is no surer than the statistic; of other images it would be."""
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.3, 1, 2000)
    statistic = measures.rms_of(measures.Answers(confidence, rng.random(2000) < confidence**3), last_bin=True)
    alone = measures.bootstrap(statistic, 2000, seed=0, resamples=200)
    together = measures.bootstrap(measures.average([statistic] * 5), 2000, seed=0, resamples=200)
    np.testing.assert_allclose(alone, together)


def test_is_a_function_of_its_seed() -> None:
    values = np.random.default_rng(0).random(500)
    one, again, other = (measures.bootstrap(measures.mean_of(values), 500, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_more_images_than_fit_into_one_piece_are_all_resampled() -> None:
    values = np.random.default_rng(0).random(3_000_000)
    low, high = measures.bootstrap(measures.mean_of(values), len(values), seed=0, resamples=20)
    assert low < values.mean() < high and high - low < 0.002


@pytest.mark.parametrize(("error", "n"), [(0.0, 50), (1.0, 50), (0.3, 10), (0.05, 10_000), (0.0, 1)])
def test_wilsons_interval_is_scipys(error: float, n: int) -> None:
    expected = stats.binomtest(round(error * n), n).proportion_ci(method="wilson")
    assert measures.error_interval(error, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_ends_stay_within_what_a_measure_can_be() -> None:
    flips = np.zeros(100)
    flips[0] = 1.0
    low, high = measures.bootstrap(measures.mean_of(flips), 100, seed=0)
    assert low == 0 and 0.01 < high < 0.06
    known, scores = np.zeros(50), np.ones(10)
    assert measures.detection_intervals(known, {"far": scores}, seed=0)["far"]["auroc"] == [1, 1]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: measures.bootstrap(measures.mean_of([]), 0, seed=0), "at least one image"),
        (lambda: measures.bootstrap(measures.mean_of([1.0, 0.0]), 2, seed=0, resamples=1), "at least 2 resamples"),
        (lambda: measures.bootstrap(measures.mean_of([1.0, 0.0]), 2, seed=0, level=1.0), "level within"),
        (lambda: measures.error_interval(0.5, 0), "n > 0"),
        (lambda: measures.error_interval(50.0, 10), "a fraction"),
        (
            lambda: measures.rms_of(measures.Answers(np.ones(5), np.ones(5)), last_bin=True, images=2),
            "the number of answers, 5, is not a multiple of 2 images",
        ),
        (lambda: measures.detection_intervals([0.0, 1.0], {"svhn": [np.nan, 1.0]}, seed=0), "NaN"),
    ],
)
def test_bad_input_is_one_clear_line(call: Callable[..., Any], line: str) -> None:
    with pytest.raises(InputError, match=line) as caught:
        call()
    assert "\n" not in str(caught.value)
