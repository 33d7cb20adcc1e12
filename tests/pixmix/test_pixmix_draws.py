"""Draws: functions of (seed, epoch, index), with the paper's frequencies and moments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from pixmix_samples import ArrayPool

from mixset._common.errors import InputError
from pixmix._augment.draws import Draws, Key, draw
from pixmix._augment.settings import MIXINGS, OPS, SIGNED_OPS, PixMixSettings

MANY = 200_000
FIVE = 5.0  # standard deviations within which a frequency must lie


def close(share: float, expected: float, count: int) -> None:
    assert abs(share - expected) < FIVE * np.sqrt(expected * (1 - expected) / count), (share, expected)


@pytest.fixture(scope="module")
def pool(array_pool: Callable[..., ArrayPool]) -> ArrayPool:
    return array_pool(counts=(5, 3), weights=(0.25, 0.75))


@pytest.fixture(scope="module")
def many(pool: ArrayPool) -> Draws:
    return draw(PixMixSettings(), Key(seed=1), np.arange(MANY), pool)


def in_rounds(draws: Draws) -> np.ndarray:
    return np.arange(draws.op.shape[1]) < draws.rounds[:, None]


def equal(one: Draws, two: Draws) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(two, field.name)) for field in fields(Draws))


def test_frequencies_of_the_paper(many: Draws) -> None:
    close(np.mean(many.rounds == 0), 1 / 5, MANY)
    close(np.mean((many.rounds == 0) & (many.start_op < 0)), 1 / 10, MANY)
    unused = ~(in_rounds(many) & (many.op < 0)).any(axis=1)
    close(np.mean(unused), 0.3875, MANY)
    for rounds in range(5):
        close(np.mean(many.rounds == rounds), 1 / 5, MANY)
    close(np.mean(many.start_op >= 0), 1 / 2, MANY)
    drawn = in_rounds(many)
    close(np.mean(many.op[drawn] < 0), 1 / 2, drawn.sum())
    close(np.mean(many.mixing[drawn] == 0), 1 / 2, drawn.sum())


def test_each_op_is_as_likely_as_another(many: Draws) -> None:
    for ops in (many.start_op, many.op[in_rounds(many)]):
        ops = ops[ops >= 0]
        for op in range(len(OPS)):
            close(np.mean(ops == op), 1 / 13, len(ops))


@pytest.mark.parametrize("beta", [1.0, 3.0, 4.0])
def test_moments_of_the_weights(pool: ArrayPool, beta: float) -> None:
    draws = draw(PixMixSettings(beta=beta), Key(seed=2), np.arange(MANY // 2), pool)
    drawn = in_rounds(draws)
    a, b = draws.a[drawn].astype(float), draws.b[drawn].astype(float)
    inside = b > 0
    close(inside.mean(), 1 / 2, len(a))
    variance = beta / ((beta + 1) ** 2 * (beta + 2))  # of Beta(β, 1) and of Beta(1, β)
    for values, mean in (
        (a[inside], beta / (beta + 1)),
        (b[inside], 1 / (beta + 1)),
        (a[~inside], 1 + 1 / (beta + 1)),
        (b[~inside], -1 / (beta + 1)),
    ):
        assert abs(values.mean() - mean) < FIVE * np.sqrt(variance / len(values))
        assert abs(values.var() / variance - 1) < 0.04
    assert abs(np.corrcoef(a[inside], b[inside])[0, 1]) < 0.02
    assert a.min() >= 0 and a.max() <= 2 and b.min() >= -1 and b.max() <= 1


def test_levels_and_signs_are_uniform(many: Draws) -> None:
    level, sign = many.start_level[many.start_op >= 0], many.start_sign[many.start_op >= 0]
    assert 0.1 < level.min() < 0.101 and 2.999 < level.max() < 3.0
    assert abs(level.mean() - 1.55) < FIVE * 2.9 / np.sqrt(12 * len(level))
    close(np.mean(sign == -1), 1 / 2, len(sign))
    assert set(sign) == {-1, 1}


def test_weights_between_sources_and_crops(many: Draws, pool: ArrayPool) -> None:
    close(np.mean(many.image < 5), 0.25, MANY)
    for image in range(8):
        close(np.mean(many.image == image), 0.25 / 5 if image < 5 else 0.75 / 3, MANY)
    for offset in range(5):  # 36 - 32 + 1 places
        close(np.mean(many.top == offset), 1 / 5, MANY)
        close(np.mean(many.left == offset), 1 / 5, MANY)
    assert many.top.max() == many.left.max() == 4


def test_a_source_of_weight_zero_is_never_drawn(pool: ArrayPool) -> None:
    only = replace(pool, weights=(1.0, 0.0))
    assert draw(PixMixSettings(), Key(0), np.arange(10_000), only).image.max() == 4


@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    indices=st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=30),
)
@settings(max_examples=50, deadline=None)
def test_a_draw_depends_on_seed_epoch_and_index_alone(
    pool: ArrayPool, seed: int, epoch: int, indices: list[int]
) -> None:
    chosen = PixMixSettings(mixings=MIXINGS)
    together = draw(chosen, Key(seed, epoch), np.array(indices), pool)
    order = np.argsort(indices)
    assert equal(draw(chosen, Key(seed, epoch), np.array(indices)[order], pool), together[order])
    assert equal(draw(chosen, Key(seed, epoch), np.array(indices[:1]), pool), together[:1])
    assert not equal(draw(chosen, Key(seed, (epoch + 1) % 2**32), np.array(indices), pool), together)


def test_copies_of_an_image_share_its_mixing_image_and_nothing_else(pool: ArrayPool) -> None:
    key = Key(5, 2)
    first, second = (draw(PixMixSettings(), key.of_copy(copy), np.arange(2000), pool) for copy in (0, 1))
    assert equal(first, draw(PixMixSettings(), key, np.arange(2000), pool))
    for field in fields(Draws):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if field.name in ("image", "top", "left"):
            np.testing.assert_array_equal(one, two)
        elif one.any():  # the experimental mixings have fields of their own
            assert not np.array_equal(one, two), field.name
    close(np.mean(first.rounds == second.rounds), 1 / 5, 2000)


def test_options_shift_nothing_else(pool: ArrayPool) -> None:
    indices = np.arange(2000)
    base = draw(PixMixSettings(), Key(3), indices, pool)
    stronger = draw(PixMixSettings(aug_severity=1.0, beta=5.0), Key(3), indices, pool)
    for name in ("start_op", "start_sign", "rounds", "op", "sign", "mixing", "image", "top", "left"):
        np.testing.assert_array_equal(getattr(stronger, name), getattr(base, name))
    more = draw(PixMixSettings(mixings=MIXINGS), Key(3), indices, pool)
    for name in ("start_op", "start_level", "rounds", "op", "level", "a", "b", "image"):
        np.testing.assert_array_equal(getattr(more, name), getattr(base, name))
    copies = draw(PixMixSettings(partner="input"), Key(3), indices, pool)
    assert (copies.op[in_rounds(copies)] >= 0).all()
    kept = base.op >= 0
    np.testing.assert_array_equal(copies.op[kept], base.op[kept])
    mixed = draw(PixMixSettings(partner="mixing_set"), Key(3), indices, pool)
    assert (mixed.op == -1).all()
    np.testing.assert_array_equal(mixed.start_op, base.start_op)
    basic = draw(PixMixSettings(all_ops=False), Key(3), indices, pool)
    assert basic.op.max() == basic.start_op.max() == 8


def test_the_experimental_mixings_have_their_own_coins(pool: ArrayPool) -> None:
    draws = draw(PixMixSettings(mixings=MIXINGS), Key(4), np.arange(50_000), pool)
    drawn = in_rounds(draws)
    for mixing in range(len(MIXINGS)):
        close(np.mean(draws.mixing[drawn] == mixing), 1 / 6, drawn.sum())
    coined = drawn & (draws.mixing >= 2)
    close(np.mean(draws.coin[coined]), 1 / 2, coined.sum())
    for channel in range(3):
        close(np.mean(draws.channel[coined] == channel), 1 / 3, coined.sum())
    assert np.abs(np.corrcoef(draws.a[coined], draws.a2[coined])[0, 1]) < 0.02


def test_beyond_the_rounds_there_is_nothing(pool: ArrayPool) -> None:
    draws = draw(PixMixSettings(mixings=MIXINGS), Key(4), np.arange(1000), pool)
    beyond = ~in_rounds(draws)
    assert (draws.op[beyond] == -1).all()
    for name in ("level", "sign", "mixing", "a", "b", "a2", "b2", "coin", "channel"):
        assert not getattr(draws, name)[beyond].any()


def test_k_of_zero_draws_no_rounds(pool: ArrayPool) -> None:
    draws = draw(PixMixSettings(k=0), Key(0), np.arange(100), pool)
    assert not draws.rounds.any() and draws.op.shape == (100, 0)


def test_signed_ops_are_known() -> None:
    assert set(SIGNED_OPS) < set(OPS)


def test_golden_values(pool: ArrayPool) -> None:
    """The numbers that trained models rest on: a change here changes every run."""
    draws = draw(PixMixSettings(), Key(seed=2022, epoch=7), np.array([0, 1, 49_999]), pool)
    assert draws.start_op.tolist() == GOLDEN["start_op"]
    assert draws.rounds.tolist() == GOLDEN["rounds"]
    assert draws.op.tolist() == GOLDEN["op"]
    assert draws.sign.tolist() == GOLDEN["sign"]
    assert draws.mixing.tolist() == GOLDEN["mixing"]
    assert draws.image.tolist() == GOLDEN["image"]
    assert np.stack([draws.top, draws.left]).tolist() == GOLDEN["crop"]
    np.testing.assert_allclose(draws.start_level, GOLDEN["start_level"], rtol=1e-7)
    np.testing.assert_allclose(draws.a, GOLDEN["a"], rtol=3e-7)
    np.testing.assert_allclose(draws.b, GOLDEN["b"], rtol=3e-7)


GOLDEN = {
    "start_op": [0, -1, -1],
    "rounds": [1, 3, 1],
    "op": [[11, -1, -1, -1], [-1, -1, 6, -1], [10, -1, -1, -1]],
    "sign": [[1, 0, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0]],
    "mixing": [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]],
    "image": [6, 6, 5],
    "crop": [[3, 2, 1], [0, 4, 0]],
    "start_level": [2.82534370931, 0.0, 0.0],
    "a": [[1.3228668, 0.0, 0.0, 0.0], [0.821866333, 1.1073302, 0.917709291, 0.0], [1.22919965, 0.0, 0.0, 0.0]],
    "b": [[-0.379759431, 0.0, 0.0, 0.0], [0.108204231, -0.0324053019, 0.165572107, 0.0], [-0.235451147, 0.0, 0.0, 0.0]],
}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"images": np.zeros((0, 36, 36, 3), np.uint8), "counts": (), "weights": ()}, "no image"),
        ({"counts": (5, 4)}, "no image can be drawn"),
        ({"weights": (np.nan, 1.0)}, "weights"),
        ({"weights": (-1.0, 2.0)}, "weights"),
        ({"weights": (0.0, 0.0)}, "weights"),
        ({"size": (40, 32)}, "do not fit"),
    ],
)
def test_a_pool_that_cannot_be_drawn_from_is_one_line(
    pool: ArrayPool, change: dict[str, tuple[float, ...] | np.ndarray], line: str
) -> None:
    with pytest.raises(InputError, match=line) as error:
        draw(PixMixSettings(), Key(0), np.arange(3), replace(pool, **change))
    assert str(error.value).startswith("mixing set: ") and "\n" not in str(error.value)


def test_without_a_pool_only_the_input_can_be_mixed_in() -> None:
    with pytest.raises(InputError, match="needs one"):
        draw(PixMixSettings(), Key(0), np.arange(3), None)
    assert len(draw(PixMixSettings(partner="input"), Key(0), np.arange(3), None)) == 3
