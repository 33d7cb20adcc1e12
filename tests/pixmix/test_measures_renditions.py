"""ImageNet-R: 200 columns of 1,000 logits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from mixset._common.errors import InputError
from pixmix import measures
from pixmix.readers import imagenet_wnids


def test_columns_are_kept_in_the_order_of_wnids() -> None:
    logits = np.random.default_rng(0).normal(size=(30, 1000))
    kept = measures.imagenet_r_logits(logits)
    indices = measures.imagenet_r_classes()
    assert kept.shape == (30, 200) and (np.diff(indices) > 0).all()
    for column in (0, 57, 199):
        np.testing.assert_array_equal(kept[:, column], logits[:, indices[column]])


def test_error_and_confidence_are_of_the_200_classes_alone() -> None:
    logits = np.full((4, 1000), -5.0)
    logits[:, 0] = 50.0  # tench, which has no renditions
    logits[:, 1] = 3.0
    logits[:2, 2] = 4.0
    kept = measures.imagenet_r_logits(logits)
    assert measures.error(kept, [1, 1, 0, 0]) == 0
    confidence, _ = measures.answers(kept, [1, 1, 0, 0])
    np.testing.assert_allclose(confidence, softmax(logits[:, measures.imagenet_r_classes()], axis=1).max(axis=1))
    assert confidence.min() > 0.5


def test_a_network_of_the_200_classes_is_taken_as_it_is() -> None:
    logits = np.eye(200)
    np.testing.assert_array_equal(measures.imagenet_r_logits(logits), logits)


@pytest.mark.parametrize("classes", [1, 10, 199, 1001])
def test_other_networks_are_refused(classes: int) -> None:
    with pytest.raises(InputError, match=f"needed, got {classes}"):
        measures.imagenet_r_logits(np.zeros((2, classes)))


def test_classes_are_those_of_timms_list() -> None:
    found = importlib.util.find_spec("timm")  # importing it would cost seconds
    if found is None:
        pytest.skip("timm is not installed")
    lists = Path(found.submodule_search_locations[0]) / "data" / "_info"
    wnids = imagenet_wnids()
    assert list(wnids) == (lists / "imagenet_synsets.txt").read_text().split()
    renditions = [wnids[index] for index in measures.imagenet_r_classes()]
    assert renditions == (lists / "imagenet_r_synsets.txt").read_text().split()
