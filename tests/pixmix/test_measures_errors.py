"""Clean error, the softmax, and what all measures refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn.metrics import zero_one_loss

from mixset._common.errors import InputError
from pixmix import measures

LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0], [5.0, 1.0, 2.0]])


def test_error_is_the_share_of_wrong_answers() -> None:
    assert measures.error(LOGITS, [0, 1, 2, 0]) == 0
    assert measures.error(LOGITS, [0, 1, 2, 1]) == 0.25
    assert measures.error(LOGITS, [1, 2, 0, 1]) == 1


def test_error_equals_scikit_learn_on_random_logits() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(777, 7)), rng.integers(0, 7, 777)
    assert measures.error(logits, labels) == pytest.approx(zero_one_loss(labels, logits.argmax(1)), abs=0)


def test_equal_logits_go_to_the_lower_class() -> None:
    assert measures.error(np.zeros((2, 3)), [0, 1]) == 0.5


def test_softmax_equals_scipy_for_any_scale() -> None:
    for scale in (0.0, 1.0, 1e4):
        logits = np.random.default_rng(1).normal(0, 1, (50, 9)) * scale
        np.testing.assert_allclose(measures.softmax(logits), special.softmax(logits, axis=1), atol=1e-15)


@pytest.mark.parametrize(
    ("logits", "labels", "line"),
    [
        (np.zeros((0, 3)), [], "N > 0"),
        (np.zeros((3, 0)), [0, 0, 0], r"\(N, classes\)"),
        (np.zeros(3), [0, 0, 0], r"\(N, classes\)"),
        (np.array([["a", "b"]]), [0], r"\(N, classes\)"),
        (np.array([[0.0, 1.0], [np.nan, 0.0]]), [0, 1], "1 of 2 images are not finite.*image 1"),
        (np.array([[0.0, np.inf]]), [0], "not finite"),
        (np.zeros((2, 3)), [0], "2 whole numbers"),
        (np.zeros((2, 3)), [0.0, 1.0], "whole numbers"),
        (np.zeros((2, 3)), [0, 3], "labels run from 0 to 3, the logits have 3 classes"),
        (np.zeros((2, 3)), [-1, 2], "labels run from -1"),
    ],
)
@pytest.mark.parametrize("measure", [measures.error, measures.rms_calibration_error])
def test_bad_input_is_one_clear_line(
    measure: Callable[..., Any], logits: np.ndarray, labels: list[float], line: str
) -> None:
    with pytest.raises(InputError, match=line) as caught:
        measure(logits, labels)
    assert "\n" not in str(caught.value)


def test_measures_import_no_torch() -> None:
    code = "import pixmix.measures, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
