"""MAD, maximum, ECE and the two poolings over corruptions: beside the paper's code restated, and by identities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from plain_calibration import plain_calib_err, plain_ece

from mixset._common.errors import InputError
from pixmix import measures
from pixmix.measures._bins import Answers


def random_answers(count: int, *, seed: int, low: float = 0.1) -> Answers:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(low, 1, count)
    return measures.Answers(confidence, rng.random(count) < confidence**2)


@pytest.mark.parametrize("count", [1, 99, 100, 199, 200, 1037])
@pytest.mark.parametrize(("p", "name"), [("2", "rms"), ("1", "mad"), ("infty", "max")])
@pytest.mark.parametrize("last_bin", [False, True])
def test_every_norm_equals_the_papers_loop(count: int, p: str, name: str, last_bin: bool) -> None:
    given = random_answers(count, seed=count)
    form = "all_bins" if last_bin else "reference"
    expected = plain_calib_err(*given, p, last_bin=last_bin)
    if count < 200 and not last_bin:
        with pytest.raises(measures.Undefined):
            measures.CALIBRATION[f"{name}_{form}"](given)
    else:
        assert measures.CALIBRATION[f"{name}_{form}"](given) == pytest.approx(expected, abs=1e-12)


# Thirds and fifteenths are edges of the bins.
CONFIDENCES = st.sampled_from([0.0, 1 / 15, 0.2, 1 / 3, 0.4, 0.5, 2 / 3, 0.8, 14 / 15, 0.97, 1.0])


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.tuples(CONFIDENCES, st.booleans()), min_size=1, max_size=40), bins=st.integers(1, 20))
def test_ece_equals_the_bins_written_out(values: list[tuple[float, bool]], bins: int) -> None:
    confidence, right = (np.array(column) for column in zip(*values, strict=True))
    given = measures.Answers(confidence, right)
    assert measures.ece(given, bins=bins) == pytest.approx(plain_ece(confidence, right, bins), abs=1e-12)
    found = measures.equal_width_bins(*given, bins=bins)
    assert found.count.sum() == len(values) and found.count.min() > 0
    assert found.confidence @ found.count == pytest.approx(confidence.sum())


def test_the_norms_are_in_order_and_zero_together() -> None:
    given = random_answers(2345, seed=1)
    mad, rms, largest = (measures.CALIBRATION[f"{name}_all_bins"](given) for name in ("mad", "rms", "max"))
    assert 0 < mad < rms < largest
    hits = np.repeat([20, 50, 85, 100], 100)
    perfect = measures.Answers(hits / 100, np.concatenate([np.arange(100) < number for number in (20, 50, 85, 100)]))
    assert all(measure(perfect) == pytest.approx(0, abs=1e-12) for measure in measures.CALIBRATION.values())


def test_answers_are_what_the_logits_say() -> None:
    logits = np.array([[2.0, 0.0], [0.0, 0.0], [1.0, 3.0]])
    confidence, right = measures.answers(logits, [0, 1, 1])
    assert confidence == pytest.approx([1 / (1 + math.exp(-2)), 0.5, 1 / (1 + math.exp(-2))])
    assert right.tolist() == [True, False, True]
    assert measures.CALIBRATION["rms_all_bins"](measures.answers(logits, [0, 1, 1])) == pytest.approx(
        measures.rms_calibration_error(logits, [0, 1, 1])
    )


def test_poolings_over_severities_are_the_two_readings() -> None:
    """Joined, the overconfident half and the underconfident half cancel; apart, they do not."""
    over = measures.Answers(np.full(200, 0.8), np.arange(200) < 100)
    under = measures.Answers(np.full(200, 0.8) + 1e-9, np.arange(200) < 200)
    alternating = {
        1: measures.Answers(np.full(200, 0.8), np.arange(200) % 2 == 0),
        2: measures.Answers(np.full(200, 0.8), np.arange(200) % 2 == 1),
    }
    rms = measures.CALIBRATION["rms_all_bins"]
    pooled = measures.pooled_calibration({"fog": {2: under, 1: over}}, rms, pooling="corruption")
    joined = measures.Answers(*(np.concatenate(pair) for pair in zip(over, under, strict=True)))
    assert pooled["fog"] == pytest.approx(rms(joined))
    apart = measures.pooled_calibration({"fog": {1: over, 2: under}, "snow": alternating}, rms, pooling="severity")
    assert apart["fog"] == pytest.approx((rms(over) + rms(under)) / 2)
    assert apart["snow"] == pytest.approx(0.3)


def test_severities_are_joined_in_their_order() -> None:
    """Of equal confidences the first severity fills the first bin, the only one that the paper's form counts here."""
    sets = {"fog": {2: measures.Answers(np.full(100, 0.8), np.zeros(100, bool))}}
    sets["fog"][1] = measures.Answers(np.full(100, 0.8), np.ones(100, bool))
    found = measures.pooled_calibration(sets, measures.CALIBRATION["mad_reference"], pooling="corruption")
    assert found["fog"] == pytest.approx(0.5 * 0.2)


def test_poolings_differ_where_bins_would_mix_severities() -> None:
    rng = np.random.default_rng(0)
    sets = {"fog": {s: random_answers(1000, seed=s, low=0.05 * s) for s in measures.SEVERITIES}}
    sets["snow"] = {s: measures.Answers(rng.uniform(0.5, 1, 1000), rng.random(1000) < 0.9 / s) for s in (1, 3)}
    rms = measures.CALIBRATION["rms_reference"]
    for name, each in sets.items():
        joined = measures.Answers(*(np.concatenate([each[s][column] for s in sorted(each)]) for column in (0, 1)))
        assert measures.pooled_calibration(sets, rms, pooling="corruption")[name] == pytest.approx(rms(joined))
        mean = np.mean([plain_calib_err(*given, "2", last_bin=False) for given in each.values()])
        assert measures.pooled_calibration(sets, rms, pooling="severity")[name] == pytest.approx(mean)


@pytest.mark.parametrize("sets", [{}, {"fog": {}}])
@pytest.mark.parametrize("pooling", ["corruption", "severity"])
def test_nothing_to_pool_is_refused(sets: dict[str, dict[str, Any]], pooling: str) -> None:
    with pytest.raises(InputError, match="at least one corruption"):
        measures.pooled_calibration(sets, measures.ece, pooling=pooling)


def test_bad_bins_are_refused() -> None:
    with pytest.raises(InputError, match="bins must be at least 1"):
        measures.equal_width_bins([0.5], [1], bins=0)
    with pytest.raises(InputError, match=r"within 0\.\.1"):
        measures.equal_width_bins([1.5], [1])
