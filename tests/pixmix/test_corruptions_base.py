"""Streams of random numbers of corruptions, and what every corruption does before it begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from mixset._common.errors import InputError
from pixmix._common import philox
from pixmix.corruptions._shared.base import SMALL, Corruption, Stream, draws_nothing, to_bytes

KEY = {"seed": 3, "image": 5, "corruption": 7, "severity": 2}


def stream(**changes: Any) -> Stream:
    key = KEY | changes
    return Stream(key["seed"], key["image"], corruption=key["corruption"], severity=key["severity"])


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    image=st.integers(0, 2**32 - 1),
    corruption=st.integers(0, 100),
    severity=st.integers(0, 5),
    counts=st.lists(st.integers(0, 9), max_size=6),
)
def test_numbers_are_those_of_the_key_and_of_what_was_taken_before(
    seed: int, image: int, corruption: int, severity: int, counts: list[int]
) -> None:
    one, other = (Stream(seed, image, corruption=corruption, severity=severity) for _ in range(2))
    slots = 4 * sum(-(-count // 4) for count in counts) + 4
    every = philox.uniforms(seed, corruption * 8 + severity, np.array([image]), philox.CORRUPTION, slots)[0]
    used = 0
    for count in counts:
        taken = one.uniform(count)
        np.testing.assert_array_equal(taken, every[used : used + count])
        np.testing.assert_array_equal(taken, other.uniform(count))
        used += -(-count // 4) * 4


@pytest.mark.parametrize("part", KEY)
def test_streams_of_other_keys_are_independent(part: str) -> None:
    ours, others = stream().uniform(4000), stream(**{part: KEY[part] + 1}).uniform(4000)
    assert abs(np.corrcoef(ours, others)[0, 1]) < 4 / np.sqrt(4000)
    assert not np.isin(others, ours).any()


def test_no_corruption_at_a_severity_shares_its_stream_with_another() -> None:
    first = [float(stream(corruption=n, severity=s).uniform()) for n in range(100) for s in range(6)]
    assert len(set(first)) == len(first)


def test_uniform_and_normal_numbers_are_distributed_so() -> None:
    numbers = stream().uniform(20_000)
    assert numbers.min() > 0 and numbers.max() < 1
    assert stats.kstest(numbers, stats.uniform.cdf).pvalue > 1e-3
    normal = stream().normal(100, 200)
    assert normal.shape == (100, 200)
    assert stats.kstest(normal.ravel(), stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(normal[:, :-1].ravel(), normal[:, 1:].ravel())[0, 1]) < 4 / np.sqrt(normal.size)


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 5), (-4, 4), (7, 8)])
def test_integers_are_even_over_their_range(low: int, high: int) -> None:
    numbers = stream().integers(low, high, 90, 90)
    assert numbers.shape == (90, 90) and numbers.dtype == np.int64
    assert numbers.min() >= low and numbers.max() < high
    assert high - low == 1 or stats.chisquare(np.bincount(numbers.ravel() - low, minlength=high - low)).pvalue > 1e-3


def test_single_numbers_have_no_shape_and_none_takes_none() -> None:
    assert stream().uniform().shape == stream().normal().shape == stream().integers(0, 9).shape == ()
    taken = stream()
    assert taken.uniform(3, 0).shape == (3, 0)
    np.testing.assert_array_equal(taken.uniform(5), stream().uniform(5))


def test_permutations_hold_each_number_once_and_every_order_comes() -> None:
    numbers = stream()
    orders = {tuple(numbers.permutation(4).tolist()) for _ in range(500)}
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len(orders) == 24


NOTED = Corruption(
    name="noted",
    number=99,
    small=(1, 2, 3, 4, 5),
    large=(10, 20, 30, 40, 50),
    draw=lambda stream, size, parameters: {"chance": stream.uniform(2), "size": size},
    apply=lambda image, parameters, fields: (image, parameters, fields),  # type: ignore[return-value]
)


@pytest.mark.parametrize(("size", "factor"), [((SMALL, SMALL), 1), ((8, SMALL), 1), ((8, SMALL + 1), 10)])
def test_a_corruption_draws_from_its_own_stream_and_takes_the_constants_of_the_size(
    size: tuple[int, int], factor: int
) -> None:
    image = np.zeros((*size, 3), np.uint8)
    for severity in range(1, 6):
        got, parameters, fields = NOTED(image, severity=severity, seed=4, index=6)
        assert got is image and parameters == severity * factor and fields["size"] == size
        expected = stream(seed=4, image=6, corruption=99, severity=severity).uniform(2)
        np.testing.assert_array_equal(fields["chance"], expected)


@pytest.mark.parametrize("severity", [0, 6, -1, 2.5, None])
def test_another_severity_is_one_line(severity: float | None) -> None:
    with pytest.raises(InputError, match=r"severity: 1, 2, 3, 4 or 5 is needed, got"):
        NOTED(np.zeros((8, 8, 3), np.uint8), severity=severity, seed=0, index=0)


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), "u1")],
)
def test_what_is_no_image_is_one_line(image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"noted: an image \(H, W, 3\) uint8 is needed, got"):
        NOTED(image, severity=1, seed=0, index=0)


def test_bytes_are_cut_and_truncated() -> None:
    assert to_bytes(np.array([-3.0, 0.99, 1.0, 254.999, 255.0, 300.0])).tolist() == [0, 0, 1, 254, 255, 255]
    assert draws_nothing(stream(), (8, 8), None) == {}
