"""RMS calibration error: beside a plain restatement of the paper's code, and by identities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from plain_calibration import plain_calib_err

from mixset._common.errors import InputError
from pixmix import measures


def random_logits(count: int, classes: int, *, seed: int, scale: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, scale, (count, classes)).astype(np.float32), rng.integers(0, classes, count)


@pytest.mark.parametrize("count", [1, 5, 99, 100, 101, 199, 200, 250, 1000, 1099])
@pytest.mark.parametrize("classes", [1, 2, 10])
@pytest.mark.parametrize("last_bin", [False, True])
def test_equals_a_plain_restatement(count: int, classes: int, last_bin: bool) -> None:
    logits, labels = random_logits(count, classes, seed=count)
    probabilities = [[math.exp(z - max(row)) for z in row] for row in logits.astype(float)]
    confidence = [max(row) / sum(row) for row in probabilities]
    right = [int(np.argmax(row)) == label for row, label in zip(logits, labels, strict=True)]
    expected = plain_calib_err(confidence, right, "2", last_bin=last_bin)
    if count < 200 and not last_bin:  # the original gives 0, of no bin at all
        assert expected == 0
        with pytest.raises(
            measures.Undefined, match=rf"^the paper's code leaves the last bin out, and {count} images are one bin: two"
        ):
            measures.rms_calibration_error(logits, labels, last_bin=False)
    else:
        assert measures.rms_calibration_error(logits, labels, last_bin=last_bin) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.tuples(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=60),
    bin_size=st.integers(1, 20),
    last_bin=st.booleans(),
)
def test_ties_keep_the_given_order(values: list[tuple[float, bool]], bin_size: int, last_bin: bool) -> None:
    confidence, right = zip(*values, strict=True)
    bins = measures.confidence_bins(confidence, right, bin_size=bin_size)
    last_bin = last_bin or len(values) < 2 * bin_size
    expected = plain_calib_err(confidence, right, "2", last_bin=last_bin, beta=bin_size)
    assert measures.rms_of_bins(bins, last_bin=last_bin) == pytest.approx(expected, abs=1e-12)
    assert bins.count.sum() == len(values)
    assert bins.confidence @ bins.count == pytest.approx(sum(confidence))
    assert bins.accuracy @ bins.count == pytest.approx(sum(right))


def test_zero_where_each_bin_is_as_right_as_it_is_confident() -> None:
    hits = np.repeat([20, 50, 85, 100], 100)  # of each bin's hundred
    right = np.concatenate([np.arange(100) < number for number in (20, 50, 85, 100)])
    bins = measures.confidence_bins(hits / 100, right)
    assert measures.rms_of_bins(bins, last_bin=True) == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(bins.accuracy, [0.2, 0.5, 0.85, 1.0])


def test_the_reference_form_leaves_out_the_most_confident_bin() -> None:
    """All the miscalibration is in the last bin: the paper's code does not see it, all bins do."""
    confidence = np.concatenate([np.full(100, 0.5), np.full(150, 0.9)])
    right = np.concatenate([np.arange(100) < 50, np.zeros(150)])
    bins = measures.confidence_bins(confidence, right)
    assert bins.count.tolist() == [100, 150]
    assert measures.rms_of_bins(bins, last_bin=False) == 0
    assert measures.rms_of_bins(bins, last_bin=True) == pytest.approx(math.sqrt(150 / 250) * 0.9)


def test_a_constant_classifier_is_wrong_by_its_confidence_minus_its_accuracy() -> None:
    labels = np.arange(400) % 10
    logits = np.tile([20.0] + [0.0] * 9, (400, 1))
    confidence = 1 / (1 + 9 * math.exp(-20))
    assert measures.rms_calibration_error(logits, labels) == pytest.approx(confidence - 0.1)
    # Three of four equal bins are counted.
    reference = measures.rms_calibration_error(logits, labels, last_bin=False)
    assert reference == pytest.approx((confidence - 0.1) * math.sqrt(0.75))


def test_one_bin_alone_has_no_reference_form() -> None:
    logits, labels = random_logits(199, 10, seed=0)
    given = measures.answers(logits, labels)
    for name, measure in measures.CALIBRATION.items():
        if name.endswith("_reference"):
            with pytest.raises(measures.Undefined, match="199 images are one bin"):
                measure(given)
        else:
            assert measure(given) > 0
    with pytest.raises(measures.Undefined, match="199 images are one bin"):
        measures.rms_of(given, last_bin=False)


def test_does_not_depend_on_a_shift_of_the_logits() -> None:
    logits, labels = random_logits(500, 10, seed=3)
    shifted = logits.astype(np.float64) + 1000
    assert measures.rms_calibration_error(shifted, labels) == pytest.approx(
        measures.rms_calibration_error(logits.astype(np.float64), labels)
    )


@pytest.mark.parametrize(
    ("confidence", "right", "line"),
    [
        ([], [], "N > 0"),
        ([0.5, 0.6], [1], "equal N"),
        ([0.5, float("nan")], [1, 0], "within 0..1"),
        ([0.5, 1.5], [1, 0], "within 0..1"),
    ],
)
def test_bad_input_is_refused(confidence: list[float], right: list[int], line: str) -> None:
    with pytest.raises(InputError, match=line):
        measures.confidence_bins(confidence, right)


def test_bad_bin_size_is_refused() -> None:
    with pytest.raises(InputError, match="bin_size"):
        measures.confidence_bins([0.5], [1], bin_size=0)
