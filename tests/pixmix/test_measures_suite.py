"""Proper scores, further calibration errors, temperature, selective prediction, and OpenOOD's forms of detection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import brier_score_loss, log_loss
from suite_samples import ARRAYS, ORIGINALS

from mixset._common.errors import InputError
from pixmix import measures
from pixmix.measures._bins import Answers

SAMPLES = {name: (ARRAYS[f"{name}_Z"], ARRAYS[f"{name}_Y"]) for name in ("S", "CAL")}
OF_ANSWERS: dict[str, Callable[[Answers], float]] = {
    "ace mass 15 own": measures.adaptive_ece,
    "ace mass 10 own": lambda answered: measures.adaptive_ece(answered, bins=10),
    "smece reflected relplot": measures.smooth_ece,
    "aurc mean own": measures.aurc,
    "aurc trap own": measures.aurc_trapezoid,
    "e-aurc mean": measures.e_aurc,
    "augrc mean own": measures.augrc,
    "cov5 own": measures.coverage_at_risk,
    "cov20 own": lambda answered: measures.coverage_at_risk(answered, risk=0.2),
}
OF_LOGITS: dict[str, Callable[..., float]] = {
    "nll own": measures.nll,
    "brier own": measures.brier,
    "cwece width 15 own": measures.classwise_ece,
    "cwece width 10 own": lambda *given: measures.classwise_ece(*given, bins=10),
}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("original", [*OF_LOGITS, *OF_ANSWERS])
def test_measures_equal_the_originals(sample: str, original: str) -> None:
    logits, labels = SAMPLES[sample]
    expected = np.ravel(ORIGINALS["calibration"][sample][original])[0]  # l1 of l1, l2, max
    if original in OF_LOGITS:
        found = OF_LOGITS[original](logits, labels)
    else:
        found = OF_ANSWERS[original](measures.answers(logits, labels))
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sample", SAMPLES)
def test_temperature_is_where_the_likelihood_is_flat(sample: str) -> None:
    """The original's tolerance on the logarithm leaves it 3e-8 off; scikit-learn's is nearer."""
    logits, labels = SAMPLES[sample]
    fitted = measures.fit_temperature(logits, labels)
    assert fitted == pytest.approx(ORIGINALS["calibration"][sample]["T own"], abs=5e-8)
    least = measures.nll(logits / fitted, labels)
    assert least == pytest.approx(ORIGINALS["calibration"][sample]["nll at T"], abs=1e-12)
    for other in (0.999, 1.001):
        assert measures.nll(logits / (other * fitted), labels) > least


@pytest.mark.parametrize("factor", [1e-3, 0.1, 30.0, 3000.0])
def test_temperature_scales_with_the_logits(factor: float) -> None:
    logits, labels = SAMPLES["CAL"]
    whole = measures.fit_temperature(logits, labels)
    assert measures.fit_temperature(factor * logits, labels) == pytest.approx(factor * whole, rel=1e-10)
    assert measures.fit_temperature(factor * logits + 5, labels) == pytest.approx(factor * whole, rel=1e-7)


def test_proper_scores_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(300, 7)) * 2, rng.integers(0, 6, 300)  # class 6 has no image
    p = measures.softmax(logits)
    assert measures.nll(logits, labels) == pytest.approx(log_loss(labels, p, labels=range(7)), abs=1e-12)
    expected = brier_score_loss(labels, p, labels=range(7), scale_by_half=False)
    assert measures.brier(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_the_binned_errors_equal_torchmetrics() -> None:
    torch, classification = pytest.importorskip("torch"), pytest.importorskip("torchmetrics.classification")
    logits, labels = SAMPLES["CAL"]
    metric = classification.MulticlassCalibrationError(5, n_bins=15)
    p = torch.from_numpy(measures.softmax(logits))
    found = measures.ece(measures.answers(logits, labels))
    assert found == pytest.approx(float(metric(p, torch.from_numpy(labels))), abs=1e-6)


def plain_selection(confidence: np.ndarray, right: np.ndarray) -> list[float]:
    """AURC, its excess, AUGRC and the coverage at 5 % risk, image by image."""

    def area(order: list[int]) -> tuple[float, float, float]:
        errors, risks, generalised, covered = 0, [], [], 0.0
        for count, index in enumerate(order, start=1):
            errors += not right[index]
            risks.append(errors / count)
            generalised.append(errors / len(order))
            covered = count / len(order) if errors <= 0.05 * count else covered
        return float(np.mean(risks)), float(np.mean(generalised)), covered

    risk, generalised, covered = area(sorted(range(len(right)), key=lambda index: -confidence[index]))
    best, _, _ = area(sorted(range(len(right)), key=lambda index: not right[index]))
    return [risk, risk - best, generalised, covered]


ANSWERS = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=45)


@settings(max_examples=60, deadline=None)
@given(values=ANSWERS, seed=st.integers(0, 9))
def test_selection_equals_counting_by_hand(values: list[tuple[float, bool]], seed: int) -> None:
    """Also as a statistic, of which a resample is what its images, written out, would give."""
    confidence, right = (np.array(column) for column in zip(*values, strict=True))
    answered = measures.Answers(confidence, right)
    functions = (measures.aurc, measures.e_aurc, measures.augrc, measures.coverage_at_risk)
    expected = plain_selection(confidence, right)
    assert [function(answered) for function in functions] == pytest.approx(expected, abs=1e-12)
    counts = np.bincount(np.random.default_rng(seed).integers(0, len(right), len(right)), minlength=len(right))
    drawn = np.repeat(np.arange(len(right)), counts)
    found = measures.selection_of(answered)(np.stack([counts, np.ones_like(counts)]).astype(np.int32))
    assert found[0] == pytest.approx(plain_selection(confidence[drawn], right[drawn]), abs=1e-12)
    assert found[1] == pytest.approx(expected, abs=1e-12)


def test_selection_draws_an_image_with_the_answers_at_all_its_severities() -> None:
    random = np.random.default_rng(3)
    confidence, right = random.permutation(60) / 60, random.random(60) < 0.7
    counts = np.bincount(random.integers(0, 20, 20), minlength=20)
    drawn = np.concatenate([20 * severity + np.repeat(np.arange(20), counts) for severity in range(3)])
    statistic = measures.selection_of(measures.Answers(confidence, right), images=20)
    found = statistic(counts[None].astype(np.int32))[0]
    assert found == pytest.approx(plain_selection(confidence[drawn], right[drawn]), abs=1e-12)
    with pytest.raises(InputError, match="60, is not a multiple of 25 images"):
        measures.selection_of(measures.Answers(confidence, right), images=25)


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_all_right_and_all_wrong_are_defined(right: bool, count: int) -> None:
    """Ties at confidence 1 and fewer images than bins, too."""
    answered = measures.Answers(np.ones(count), np.full(count, right))
    wrong = 0.0 if right else 1.0
    assert measures.aurc(answered) == measures.aurc_trapezoid(answered) == wrong
    assert measures.e_aurc(answered) == pytest.approx(0, abs=1e-12)
    assert measures.coverage_at_risk(answered) == 1 - wrong
    assert measures.adaptive_ece(answered) == measures.ece(answered) == wrong
    assert measures.smooth_ece(answered) == pytest.approx(wrong, abs=0.01)
    logits = np.tile([0.0, 800.0], (count, 1))
    labels = np.full(count, int(right))
    assert measures.nll(logits, labels) == (0 if right else 800)
    assert measures.brier(logits, labels) == (0 if right else 2)
    with pytest.raises(measures.Undefined, match="temperatures"):
        measures.fit_temperature(logits, labels)


def test_temperatures_that_no_likelihood_settles_say_why() -> None:
    with pytest.raises(measures.Undefined, match="ever higher"):
        measures.fit_temperature([[1.0, 0.0]] * 2, [0, 1])
    with pytest.raises(InputError, match="two classes"):
        measures.fit_temperature([[1.0]], [0])


def test_equal_mass_bins_are_array_splits() -> None:
    rng = np.random.default_rng(1)
    confidence, right = rng.random(47), rng.random(47) < 0.5
    found = measures.equal_mass_bins(confidence, right, bins=10)
    parts = np.array_split(np.argsort(confidence), 10)
    assert found.count.tolist() == [len(part) for part in parts]
    assert found.accuracy == pytest.approx([right[part].mean() for part in parts])
    assert found.confidence == pytest.approx([confidence[part].mean() for part in parts])


def test_a_curve_may_be_thinned() -> None:
    answered = measures.answers(*SAMPLES["CAL"])
    whole, thin = measures.risk_coverage(answered), measures.risk_coverage(answered, points=7)
    assert len(thin.risk) == 7 and thin.coverage[-1] == 1
    assert set(thin.risk) <= set(whole.risk) and len(set(thin.coverage)) == 7
    assert len(measures.risk_coverage(answered, points=1000).risk) == 240
    assert whole.risk[-1] == pytest.approx(measures.error(*SAMPLES["CAL"]))


def test_detection_equals_the_originals() -> None:
    known, anomalous, original = ARRAYS["D_ID"], ARRAYS["D_OOD"], ORIGINALS["detection"]
    for function, name in (
        (measures.aupr_out, "aupr_out_trapezoid"),
        (measures.aupr_in, "aupr_in_trapezoid"),
        (measures.aupr, "aupr_out_average_precision"),
        (measures.fpr95, "fpr95_ood_positive"),
        (measures.fpr95_known, "fpr95_id_positive"),
        (measures.OPENOOD["auroc"], "auroc"),
    ):
        assert function(known, anomalous) == pytest.approx(original[name], abs=1e-9)


def test_openoods_fpr95_is_of_a_thinned_curve() -> None:
    rng = np.random.default_rng(2)
    known, anomalous = rng.normal(size=500), rng.normal(1, 1, 400)
    assert measures.fpr95_openood(known, anomalous) == measures.fpr95(known, anomalous)
    tied = np.arange(40)
    assert measures.fpr95_openood(tied, tied) == 1 and measures.fpr95(tied, tied) == 0.95


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "bins": (lambda: measures.adaptive_ece(Answers(np.ones(2), np.ones(2, bool)), bins=0), "bins"),
    "class bins": (lambda: measures.classwise_ece([[0.0, 1.0]], [0], bins=0), "bins"),
    "no answers": (lambda: measures.aurc(Answers(np.ones(0), np.ones(0, bool))), "N > 0"),
    "lengths": (lambda: measures.augrc(Answers(np.ones(2), np.ones(3, bool))), "of equal N"),
    "confidence": (lambda: measures.smooth_ece(Answers(np.full(2, 1.5), np.ones(2, bool))), r"within 0\.\.1"),
    "risk": (lambda: measures.coverage_at_risk(Answers(np.ones(2), np.ones(2, bool)), risk=2), "risk"),
    "NaN": (lambda: measures.nll([[math.nan, 0.0]], [0]), "not finite"),
    "label": (lambda: measures.brier([[0.0, 0.0]], [2]), "labels run from"),
    "no known": (lambda: measures.aupr_in([], [1.0]), "in-distribution scores"),
    "no outliers": (lambda: measures.fpr95_known([1.0], []), "out-of-distribution scores"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused(case: str) -> None:
    call, line = REFUSED[case]
    with pytest.raises(InputError, match=line):
        call()
