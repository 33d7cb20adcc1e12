"""Philox4x32-10 against Random123's known answers, and the laws of keyed numbers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset._common.errors import InputError
from pixmix._common import philox
from pixmix._common.philox import Key

# From the kat_vectors file of Random123 (D. E. Shaw Research): counter, key, result.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def _words(text: str) -> list[np.uint64]:
    return [np.uint64(int(word, 16)) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_known_answers(counter: str, key: str, answer: str) -> None:
    assert list(philox.block(*_words(counter), *_words(key))) == _words(answer)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_words_put_index_epoch_block_and_stream_into_the_counter(counter: str, key: str, answer: str) -> None:
    index, epoch, block, stream = (int(word) for word in _words(counter))
    low, high = (int(word) for word in _words(key))
    got = philox.words(Key(low + (high << 32), epoch), np.array([index]), stream, 4, first=4 * block)
    assert got[0].tolist() == [int(word) for word in _words(answer)]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    indices=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20),
    slots=st.integers(1, 11),
)
def test_a_number_depends_on_its_own_index_alone(seed: int, epoch: int, indices: list[int], slots: int) -> None:
    together = philox.uniforms(seed, epoch, np.array(indices), philox.CROP, slots)
    assert together.shape == (len(indices), slots)
    alone = philox.uniforms(seed, epoch, np.array(indices[-1:]), philox.CROP, 20)
    np.testing.assert_array_equal(together[-1], alone[0, :slots])
    np.testing.assert_array_equal(
        philox.uniforms(seed, epoch, np.array(indices[-1:]), philox.CROP, 8, first=8), alone[:, 8:16]
    )
    assert ((together > 0) & (together < 1)).all()


@pytest.mark.parametrize("change", [{"seed": 1}, {"seed": 2**32}, {"epoch": 1}, {"index": 1}, {"stream": 1}])
def test_each_part_of_the_counter_matters(change: dict[str, int]) -> None:
    part = {"seed": 0, "epoch": 0, "index": 0, "stream": 0}

    def numbers(seed: int, epoch: int, index: int, stream: int) -> np.ndarray:
        return philox.uniforms(seed, epoch, np.array([index]), stream, 8)

    assert not np.any(numbers(**part) == numbers(**{**part, **change}))


def test_uniform_numbers_never_reach_their_ends() -> None:
    assert 0 < philox.unit(np.uint64(0)) < 1e-9
    assert 1 - 1e-9 < philox.unit(np.uint64(2**32 - 1)) < 1


def test_uniform_numbers_are_uniform() -> None:
    numbers = philox.uniforms(5, 0, np.arange(100_000), philox.PIXMIX, 4)
    shares = np.histogram(numbers, bins=20, range=(0, 1))[0] / numbers.size
    np.testing.assert_allclose(shares, 0.05, atol=0.0012)  # 3.5 standard deviations
    assert np.abs(np.corrcoef(numbers.T) - np.eye(4)).max() < 0.015


@pytest.mark.parametrize(
    "call",
    [
        lambda: Key(-1),
        lambda: Key(2**64),
        lambda: Key(0, 2**32),
        lambda: Key(0.5),
        lambda: Key(True),
        lambda: philox.uniforms(0, 0, np.array([-1]), 0, 4),
        lambda: philox.uniforms(0, 0, np.array([2**32]), 0, 4),
        lambda: philox.uniforms(0, 0, np.array([0.0]), 0, 4),
        lambda: philox.uniforms(0, 0, np.array([[0]]), 0, 4),
        lambda: philox.uniforms(0, 0, np.array([0]), 0, 0),
        lambda: philox.uniforms(0, 0, np.array([0]), 0, 4, first=2),
    ],
)
def test_numbers_that_do_not_fit_are_one_line(call: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="needed") as error:
        call()
    assert "\n" not in str(error.value)


def test_streams_have_different_numbers() -> None:
    streams = [value for name, value in vars(philox).items() if name.isupper() and isinstance(value, int)]
    assert len(streams) >= 8
    assert len(set(streams)) == len(streams)


def test_copies_have_seeds_of_their_own_and_a_key_that_they_share() -> None:
    key = Key(2**64 - 1, 7)
    copies = [key.of_copy(copy) for copy in range(4)]
    assert copies[0] is key
    assert [(copy.copy, copy.epoch) for copy in copies] == [(0, 7), (1, 7), (2, 7), (3, 7)]
    assert all(copy.shared is key for copy in copies)
    assert len({copy.seed for copy in [*copies, Key(0, 7).of_copy(1), Key(2**64 - 1, 8).of_copy(1)]}) == 6
    assert copies[2].of_copy(1) == copies[1] == pickle.loads(pickle.dumps(copies[1])) != Key(copies[1].seed, 7)
    assert copies[2].of_copy(0) is key


def test_numbers_of_two_copies_are_independent() -> None:
    indices = np.arange(20_000)
    numbers = [philox.words(key, indices, 0, 1)[:, 0] * 2.0**-32 for key in (Key(1), Key(1).of_copy(1))]
    assert abs(np.corrcoef(numbers)[0, 1]) < 4 / np.sqrt(len(indices))


def test_the_seeds_of_copies_stay_as_they_are() -> None:
    assert [Key(3, 4).of_copy(copy).seed for copy in (1, 2)] == [4742505328434963418, 4274506722955431166]
