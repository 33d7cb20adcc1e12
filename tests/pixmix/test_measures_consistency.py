"""Flips and top-5 distances: beside the original evaluation restated plainly, by identities, on published numbers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import rankdata

from mixset._common.errors import InputError
from pixmix import measures

NAMES: tuple[str, ...] = ("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow")
NAMES += ("brightness", "translate", "rotate", "tilt", "scale")
ALEXNET = measures.alexnet_flip_probabilities()
# The paper's Table 8: mFR and the ten flip rates.
TABLE_8 = {
    "Baseline": (58.0, "59 58 65 72 63 62 44 52 57 48"),
    "ANT": (48.0, "41 36 50 61 48 58 40 48 52 46"),
    "Speckle": (51.2, "38 28 60 67 58 65 43 51 54 48"),
    "Noise2Net": (51.5, "54 53 50 70 56 50 38 47 52 43"),
    "EDSR": (44.6, "37 35 48 56 46 56 38 44 44 43"),
    "linf Adversarial": (38.5, "43 56 24 33 15 80 20 34 33 46"),
    "l2 Adversarial": (29.2, "24 30 24 31 14 64 13 27 26 39"),
}


def percent(row: str) -> dict[str, float]:
    return {name: float(value) / 100 for name, value in zip(NAMES, row.split(), strict=True)}


def plain_sequence(ranks: np.ndarray, *, noise: bool, difficulty: int) -> tuple[float, float]:
    """The original evaluation of one sequence: ranks (frames, classes) from 1 on, walked frame by frame."""
    step = 1 if noise else difficulty
    flips, distances = [], []
    for offset in range(step):
        reference = ranks[offset]
        for frame in ranks[offset::step][1:]:
            flips.append(np.argmin(reference) != np.argmin(frame))
            inverse = np.argsort(reference)
            sigma = frame[inverse]
            distances.append(sum(abs(i - min(sigma[i - 1], 6)) for i in range(1, min(5, len(sigma)) + 1)))
            if not noise:
                reference = frame
    return np.mean(flips), np.mean(distances)


def plain(logits: np.ndarray, *, noise: bool, difficulty: int = 1) -> tuple[np.ndarray, np.ndarray]:
    ranks = rankdata(-logits.astype(np.float64), method="ordinal", axis=2)
    pairs = [plain_sequence(each, noise=noise, difficulty=difficulty) for each in ranks]
    return np.array([flips for flips, _ in pairs]), np.array([distance for _, distance in pairs])


# Few different values, so that ties are everywhere.
SEQUENCES = st.tuples(st.integers(1, 4), st.integers(4, 7), st.integers(1, 12)).flatmap(
    lambda shape: hnp.arrays(np.float32, shape, elements=st.integers(-3, 3).map(float))
)


@settings(max_examples=120, deadline=None)
@given(logits=SEQUENCES, noise=st.booleans(), difficulty=st.integers(1, 3))
def test_equals_the_original_frame_by_frame(logits: np.ndarray, noise: bool, difficulty: int) -> None:
    top = measures.top_classes(logits)
    flips, distances = plain(logits, noise=noise, difficulty=difficulty)
    options = {"noise": noise, "difficulty": difficulty}
    np.testing.assert_allclose(measures.sequence_flips(top, **options), flips, atol=1e-12)
    np.testing.assert_allclose(measures.sequence_t5d(top, **options), distances, atol=1e-12)
    assert measures.flip_probability(top, **options) == pytest.approx(flips.mean())
    assert measures.t5d(top, **options) == pytest.approx(distances.mean())


@pytest.mark.parametrize("classes", [10, 100, 1000])
@pytest.mark.parametrize("noise", [False, True])
def test_equals_the_original_on_sequences_that_drift(classes: int, noise: bool) -> None:
    rng = np.random.default_rng(classes)
    logits = rng.normal(0, 1, (12, 1, classes)) + np.cumsum(rng.normal(0, 0.2, (12, 31, classes)), axis=1)
    flips, distances = plain(logits, noise=noise)
    top = measures.top_classes(logits)
    assert 0 < flips.mean() < 1 and 0 < distances.mean() < 15
    np.testing.assert_allclose(measures.sequence_flips(top, noise=noise), flips)
    np.testing.assert_allclose(measures.sequence_t5d(top, noise=noise), distances)


@settings(max_examples=100, deadline=None)
@given(
    logits=hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64, np.int64, np.uint8]),
        st.tuples(st.integers(1, 5), st.integers(1, 9)),
        elements=st.integers(0, 4),
    )
)
def test_top_classes_are_a_stable_sort(logits: np.ndarray) -> None:
    expected = np.argsort(-logits.astype(np.float64), axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(measures.top_classes(logits), expected)


def test_top_classes_take_any_leading_shape_and_blocks_are_as_good_as_all() -> None:
    logits = np.random.default_rng(0).normal(size=(9, 4, 20)).astype(np.float32)
    whole = measures.top_classes(logits)
    assert whole.shape == (9, 4, 5)
    blocks = np.concatenate([measures.top_classes(logits[start : start + 2]) for start in range(0, 9, 2)])
    np.testing.assert_array_equal(whole, blocks)
    np.testing.assert_array_equal(measures.top_classes(logits[3, 2]), whole[3, 2])
    strided = np.asfortranarray(logits)
    np.testing.assert_array_equal(measures.top_classes(strided), whole)


def test_top_classes_of_a_mapped_file_need_no_memory_of_its_size(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(40, 31, 1000)).astype(np.float32)
    np.save(tmp_path / "logits.npy", logits)
    mapped = np.load(tmp_path / "logits.npy", mmap_mode="r")
    measures.top_classes(mapped[:1])
    tracemalloc.start()
    measures.top_classes(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < logits.nbytes / 50


def test_a_constant_classifier_never_flips() -> None:
    logits = np.tile(np.arange(10.0), (6, 31, 1))
    top = measures.top_classes(logits)
    for noise in (False, True):
        assert measures.flip_probability(top, noise=noise) == 0
        assert measures.t5d(top, noise=noise) == 0
    assert measures.mfr(dict.fromkeys(NAMES, 0.0), ALEXNET) == 0


def test_equal_ranks_of_other_logits_have_no_distance() -> None:
    rng = np.random.default_rng(1)
    order = np.argsort(rng.random((5, 1, 30)), axis=2)
    logits = order * rng.uniform(0.1, 9, (5, 8, 1))
    top = measures.top_classes(logits)
    assert measures.t5d(top, noise=False) == 0
    assert measures.flip_probability(top, noise=True) == 0


def test_five_new_classes_are_the_largest_distance() -> None:
    top = np.array([[[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]], np.int32)
    assert measures.t5d(top, noise=False) == 15
    swapped = np.array([[[0, 1, 2, 3, 4], [1, 0, 2, 3, 4]]], np.int32)
    assert measures.t5d(swapped, noise=False) == 2


def test_frames_are_compared_with_the_first_or_with_the_one_before() -> None:
    top = np.array([[[0], [1], [1], [0], [1]]], np.int32)
    assert measures.flip_probability(top, noise=True) == pytest.approx(3 / 4)
    assert measures.flip_probability(top, noise=False) == pytest.approx(3 / 4)
    assert measures.flip_probability(top, noise=False, difficulty=2) == pytest.approx(2 / 3)
    assert measures.flip_probability(top, noise=False, difficulty=3) == pytest.approx(0)
    assert measures.is_noise("gaussian_noise_2") and not measures.is_noise("motion_blur")


@pytest.mark.parametrize("method", TABLE_8)
def test_rows_of_table_8_have_the_mfr_of_their_columns(method: str) -> None:
    printed, row = TABLE_8[method]
    rates = percent(row)
    probabilities = {name: rate * ALEXNET[name] for name, rate in rates.items()}
    assert measures.flip_rates(probabilities, ALEXNET) == pytest.approx(rates)
    assert 100 * measures.mfr(probabilities, ALEXNET) == pytest.approx(printed, abs=0.25)
    assert 100 * measures.mfr(rates) == pytest.approx(printed, abs=0.25)


def test_resnet_50_has_its_published_mfr() -> None:
    raw = percent("14.04 17.38 6.00 4.29 7.54 3.03 4.86 6.79 4.01 11.32")
    rates = measures.flip_rates(raw, ALEXNET)
    expected = percent("59.4 57.8 64.5 72.2 63.2 62.0 44.1 51.8 56.9 48.1")
    assert rates == pytest.approx(expected, abs=6e-4)
    assert 100 * measures.mfr(raw, ALEXNET) == pytest.approx(58.0, abs=0.05)


def test_resnet_50_has_its_published_mt5d_within_what_the_provisional_constants_allow() -> None:
    raw = {n: 100 * v for n, v in percent("3.92 4.53 1.63 1.19 1.98 1.00 1.68 2.15 1.40 3.01").items()}
    assert 100 * measures.mt5d(raw, measures.alexnet_t5d()) == pytest.approx(78.4, abs=0.5)


def test_resnext_101_stays_where_it_was() -> None:
    raw = percent("10.63 13.10 4.46 3.52 5.78 2.61 4.02 5.59 3.31 8.87")
    assert 100 * measures.mfr(raw, ALEXNET) == pytest.approx(46.14, abs=0.005)
    distances = {n: 100 * v for n, v in percent("3.429 3.967 1.398 1.090 1.698 .962 1.558 1.980 1.290 2.679").items()}
    assert 100 * measures.mt5d(distances, measures.alexnet_t5d()) == pytest.approx(70.37, abs=0.005)
    assert measures.mt5d(distances) == pytest.approx(sum(distances.values()) / 10)


@pytest.mark.parametrize(
    ("top", "options", "line"),
    [
        (np.zeros((0, 4, 5), np.int32), {}, "N > 0"),
        (np.zeros((3, 4), np.int32), {}, r"\(N, frames"),
        (np.zeros((3, 4, 10), np.int32), {}, r"\(N, frames"),
        (np.zeros((3, 1, 5), np.int32), {}, "1 frames have nothing to compare"),
        (np.zeros((3, 4, 5), np.int32), {"difficulty": 4}, "4 frames have nothing to compare at difficulty 4"),
        (np.zeros((3, 4, 5), np.int32), {"difficulty": 0}, "difficulty must be at least 1"),
    ],
)
@pytest.mark.parametrize("measure", [measures.sequence_flips, measures.sequence_t5d])
def test_bad_sequences_are_one_clear_line(
    measure: Callable[..., Any], top: np.ndarray, options: dict[str, int], line: str
) -> None:
    with pytest.raises(InputError, match=line) as caught:
        measure(top, noise=False, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("index", [0, 3, 49])
def test_diverged_frames_are_refused_wherever_they_are(value: float, index: int) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3, 50)).astype(np.float32)
    logits[2, 1, index] = value
    with pytest.raises(InputError, match=r"1 of 12 frames are not finite.*frame 7"):
        measures.top_classes(logits)


@pytest.mark.parametrize("logits", [np.zeros((2, 3, 0)), np.array([["a"]]), np.float32(1)])
def test_what_is_no_logits_is_refused(logits: np.ndarray | float) -> None:
    with pytest.raises(InputError, match=r"\(..., classes\)"):
        measures.top_classes(logits)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({}, "at least one perturbation"),
        ({"fog": 0.1}, "fog: no reference to divide by; known: gaussian_noise"),
        ({"snow": -0.1}, "snow: a number of at least 0"),
        ({"snow": float("nan")}, "snow: a number of at least 0"),
    ],
)
def test_bad_rates_are_one_clear_line(values: dict[str, float], line: str) -> None:
    for measure in (measures.mfr, measures.mt5d):
        with pytest.raises(InputError, match=line):
            measure(values, ALEXNET)
