"""CE and mCE: beside plain restatements, by identities, and on the numbers the papers print."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset._common.errors import InputError
from pixmix import measures

ALEXNET = measures.alexnet_errors()
# Means over the severities as three projects list them.
MEANS = (
    ".886428 .894468 .922640 .819880 .826268 .785948 .798360 .866816 "
    ".826572 .819324 .564592 .853204 .646056 .717840 .606500"
)
ALEXNET_MEANS = dict(zip(ALEXNET, map(float, MEANS.split()), strict=True))
# The paper's Table 11: mCE and the 15 CEs. CutMix is left out: its row repeats the baseline's and not its own mCE.
TABLE_11 = {
    "Baseline": (78.2, "78 80 80 79 90 81 80 80 78 69 62 75 88 76 78"),
    "Cutout": (76.9, "76 77 79 76 90 79 79 79 78 69 60 74 87 75 75"),
    "Mixup": (72.7, "69 72 73 76 90 77 78 73 68 62 59 64 86 71 73"),
    "AutoAugment": (73.8, "71 72 75 75 90 78 79 73 74 64 55 68 87 73 71"),
    "AugMix": (71.0, "69 70 70 72 88 74 71 73 74 58 58 59 85 73 72"),
    "SIN": (70.9, "64 65 66 73 84 73 80 71 74 66 62 69 80 64 73"),
    "PixMix": (65.8, "53 52 51 73 88 77 77 62 64 58 56 53 85 69 70"),
}
# Table 12: mean error and the errors of the 10 corruptions of ImageNet-C̄.
TABLE_12 = {
    "Baseline": (61.0, "62 77 55 86 80 45 41 38 78 48"),
    "PixMix": (44.3, "40 48 48 48 47 34 37 33 65 44"),
}


def at_every_severity(values: dict[str, float]) -> dict[str, dict[int, float]]:
    return {name: dict.fromkeys(measures.SEVERITIES, value) for name, value in values.items()}


def test_alexnet_on_its_own_scale_is_100_percent() -> None:
    assert measures.mce(ALEXNET, ALEXNET) == pytest.approx(1)
    assert all(ce == pytest.approx(1) for ce in measures.corruption_errors(ALEXNET, ALEXNET).values())
    assert measures.relative_mce(ALEXNET, measures.alexnet_clean_error()) == pytest.approx(1)


def test_alexnet_is_the_published_one() -> None:
    assert list(ALEXNET)[:3] == ["gaussian_noise", "shot_noise", "impulse_noise"] and len(ALEXNET) == 15
    for name, mean in measures.corruption_errors(ALEXNET).items():
        assert mean == pytest.approx(ALEXNET_MEANS[name], abs=5e-7)


@pytest.mark.parametrize("method", TABLE_11)
def test_rows_of_table_11_have_the_mce_of_their_ces(method: str) -> None:
    printed, row = TABLE_11[method]
    ces = dict(zip(ALEXNET, map(float, row.split()), strict=True))
    errors = {n: {s: ces[n] / 100 * e for s, e in by_severity.items()} for n, by_severity in ALEXNET.items()}
    assert measures.corruption_errors(errors, ALEXNET) == pytest.approx({n: ce / 100 for n, ce in ces.items()})
    assert 100 * measures.mce(errors, ALEXNET) == pytest.approx(printed, abs=0.2)


def test_the_standard_resnet_50_has_its_published_mce() -> None:
    """Per-corruption CEs of torchvision's ResNet-50 by the standard protocol, and the 76.7 known for it."""
    ces = (79.8, 81.6, 82.6, 74.7, 88.6, 78.0, 79.9, 77.8, 74.8, 66.1, 56.6, 71.4, 84.8, 76.9, 76.8)
    errors = at_every_severity({n: ce / 100 * ALEXNET_MEANS[n] for n, ce in zip(ALEXNET, ces, strict=True)})
    assert 100 * measures.mce(errors, ALEXNET) == pytest.approx(76.7, abs=0.02)


@pytest.mark.parametrize("method", TABLE_12)
def test_rows_of_table_12_are_plain_means(method: str) -> None:
    printed, row = TABLE_12[method]
    errors = at_every_severity({str(index): float(error) / 100 for index, error in enumerate(row.split())})
    assert 100 * measures.mce(errors) == pytest.approx(printed, abs=0.11)


def test_cifars_pooled_error_is_the_mean_over_equal_severities() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(5 * 70, 10)), rng.integers(0, 10, 5 * 70)
    parts = {s: (logits[70 * (s - 1) : 70 * s], labels[70 * (s - 1) : 70 * s]) for s in measures.SEVERITIES}
    errors = {"fog": {severity: measures.error(*part) for severity, part in parts.items()}}
    assert measures.corruption_errors(errors)["fog"] == pytest.approx(measures.error(logits, labels))


NAMES = st.lists(st.sampled_from(list(ALEXNET)), min_size=1, max_size=15, unique=True)


@settings(max_examples=60, deadline=None)
@given(names=NAMES, data=st.data())
def test_equals_the_sums_written_out(names: list[str], data: st.DataObject) -> None:
    severities = data.draw(st.lists(st.sampled_from(measures.SEVERITIES), min_size=1, max_size=5, unique=True))
    errors = {n: {s: data.draw(st.floats(0, 1)) for s in severities} for n in names}
    clean = data.draw(st.floats(0, 1))
    total, relative = 0.0, 0.0
    for name in names:
        ours = sum(errors[name][s] for s in severities) / len(severities)
        theirs = sum(ALEXNET[name][s] for s in severities) / len(severities)
        total += ours / theirs
        relative += (ours - clean) / (theirs - 0.4348)
    assert measures.mce(errors, ALEXNET) == pytest.approx(total / len(names))
    assert measures.relative_mce(errors, clean) == pytest.approx(relative / len(names))


@pytest.mark.parametrize(
    ("errors", "reference", "line"),
    [
        ({}, None, "at least one corruption"),
        ({"fog": {}}, None, "fog: fractions by severity"),
        ({"fog": {1: 43.0}}, None, "fog: fractions by severity"),
        ({"fog": {1: float("nan")}}, None, "fog: fractions by severity"),
        ({"fgo": {1: 0.5}}, ALEXNET, "fgo: no reference to divide by; known: gaussian_noise"),
        ({"fog": {6: 0.5}}, ALEXNET, "fog: the reference has no severity 6"),
    ],
)
def test_bad_errors_are_one_clear_line(
    errors: dict[str, dict[int, float]], reference: dict[str, dict[int, float]] | None, line: str
) -> None:
    with pytest.raises(InputError, match=line) as caught:
        measures.mce(errors, reference)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["alexnet_c", "alexnet_fp", "alexnet_t5d", "imagenet_r"])
def test_constants_say_where_they_are_from(name: str) -> None:
    content = measures.constants(name)
    assert content["what"] and content["source"] and content["notes"]
    assert content["provisional"] == (name == "alexnet_t5d")
