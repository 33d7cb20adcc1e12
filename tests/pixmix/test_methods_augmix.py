"""AugMix: draws, images beside the original's algorithm in plain Pillow, and laws."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from scipy import stats
from torch.nn import functional

from pixmix._augment.settings import OPS
from pixmix._common.philox import Key
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._augmix import AugMix
from pixmix.methods._augmix_draws import AugMixDraws, draw
from pixmix.methods._base import Method, as_float
from pixmix.methods._jsd import Consistent, Jsd
from pixmix.methods._settings import AugMixSettings

CASES = {
    "the original's for CIFAR": AugMixSettings(),
    "one copy": AugMixSettings(jsd=0.0),
    "ImageNet": AugMixSettings(severity=1.0, jsd=0.0),
    "all ops, strong": AugMixSettings(all_ops=True, severity=10.0),
    "wide and deep": AugMixSettings(width=5, depth=4),
    "one chain of one op": AugMixSettings(width=1, depth=1),
    "uneven weights": AugMixSettings(alpha=0.1),
}


def make(chosen: AugMixSettings) -> Method:
    half = (0.5,) * 3
    return make_method("augmix", classes=10, size=(32, 32), mean=half, std=half, settings=MethodSettings(augmix=chosen))


def augmixed(image: np.ndarray, draws: AugMixDraws, n: int) -> np.ndarray:
    """The original's: (1 - m) x + m sum of w_i chain_i(x), on images normalised to [-1, 1], and back: (3, H, W)."""

    def normalised(pixels: Image.Image) -> np.ndarray:
        return (np.asarray(pixels).transpose(2, 0, 1) / 255 - 0.5) / 0.5

    start = Image.fromarray(image)
    mixture = np.zeros((3, *image.shape[:2]))
    for w in range(draws.op.shape[1]):
        chain = start
        for op, level, sign in zip(draws.op[n, w], draws.level[n, w], draws.sign[n, w], strict=True):
            if op >= 0:
                chain = OP_FUNCTIONS[OPS[op]](chain, float(level), int(sign))
        mixture += float(draws.weights[n, w]) * normalised(chain)
    m = float(draws.share[n])
    return ((1 - m) * normalised(start) + m * mixture) * 0.5 + 0.5


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_images_are_the_originals(case: str, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    count, key = 40, Key(5, 3)
    images, indices = photographs(count, *size), np.arange(count) * 11
    method = make(CASES[case])
    made = method.augment_array(images, key, indices)
    assert made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1
    views = list(made.reshape(method.views, count, 3, *size))
    if method.views == 3:
        np.testing.assert_array_equal(views.pop(0), as_float(images))
    assert len(views) == (2 if CASES[case].jsd else 1)
    for copy, view in enumerate(views):
        draws = draw(CASES[case], key.of_copy(copy), indices)
        expected = np.stack([augmixed(images[n], draws, n) for n in range(count)])
        np.testing.assert_allclose(view, expected, atol=1e-6, rtol=0)


def test_two_copies_are_mixed_apart() -> None:
    draws = [draw(AugMixSettings(), Key(0).of_copy(copy), np.arange(200)) for copy in range(2)]
    for one, two in zip(draws[0].arrays(), draws[1].arrays(), strict=True):
        assert (one != two).any()
    correlation = np.corrcoef(draws[0].share, draws[1].share)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(200)


def test_images_stay_as_they_are() -> None:
    """Those of 0.2.0, of both copies."""
    black = np.zeros((40, 8, 8, 3), np.uint8)
    black[:, 2:4] = 255
    made = make(AugMixSettings()).augment_array(black, Key(2**63 + 5, 7), np.arange(40) * 3)
    sums = made.reshape(3, -1).sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(sums, [1920.0, 1667.7234, 1720.8049], rtol=1e-5)


@pytest.mark.parametrize(("width", "alpha"), [(3, 1.0), (2, 0.5), (5, 4.0), (3, 0.1)])
def test_weights_are_dirichlet_and_shares_beta(width: int, alpha: float) -> None:
    draws = draw(AugMixSettings(width=width, alpha=alpha), Key(8), np.arange(6000))
    np.testing.assert_allclose(draws.weights.sum(axis=1), 1, atol=1e-6)
    mean, spread = 1 / width, np.sqrt((1 - 1 / width) / width / (width * alpha + 1))
    np.testing.assert_allclose(draws.weights.mean(axis=0), mean, atol=4 * spread / np.sqrt(6000))
    np.testing.assert_allclose(draws.weights.std(axis=0), spread, rtol=0.05)
    for w in range(width):
        marginal = stats.beta(alpha, (width - 1) * alpha)
        assert stats.kstest(draws.weights[:, w].astype(float), marginal.cdf).pvalue > 1e-3
    assert abs(draws.share.mean() - 0.5) < 4 * np.sqrt(0.25 / (2 * alpha + 1) / 6000)
    if alpha >= 0.5:  # below, float32 rounds many to 1
        assert stats.kstest(draws.share.astype(float), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("all_ops", "ops"), [(False, 9), (True, 13)])
def test_ops_depths_levels_and_signs_are_even(all_ops: bool, ops: int) -> None:
    severity = 3.0
    draws = draw(AugMixSettings(all_ops=all_ops, severity=severity), Key(2), np.arange(4000))
    there = draws.op >= 0
    assert (there[..., :-1] >= there[..., 1:]).all()  # a chain has no gap
    depths = there.sum(axis=2).ravel()
    assert stats.chisquare(np.bincount(depths)[1:]).pvalue > 1e-3
    assert set(depths) == {1, 2, 3}
    assert stats.chisquare(np.bincount(draws.op[there], minlength=ops)).pvalue > 1e-3
    assert draws.op.max() == ops - 1
    for d in range(3):
        levels = draws.level[..., d][there[..., d]]
        assert stats.kstest(levels, stats.uniform(0.1, severity - 0.1).cdf).pvalue > 1e-3
    assert abs(draws.sign[there].mean()) < 4 / np.sqrt(there.sum())
    assert set(np.unique(draws.sign[there])) == {-1, 1}
    assert not draws.level[~there].any() and not draws.sign[~there].any()


def test_a_new_chain_or_op_shifts_nothing() -> None:
    indices = np.arange(50)
    usual = draw(AugMixSettings(), Key(1), indices)
    wide = draw(AugMixSettings(width=7), Key(1), indices)
    np.testing.assert_array_equal(wide.op[:, :3], usual.op)
    np.testing.assert_array_equal(wide.share, usual.share)
    deep = draw(AugMixSettings(depth=6), Key(1), indices)
    there = usual.op >= 0
    np.testing.assert_array_equal(deep.op[..., :3][there], usual.op[there])
    np.testing.assert_array_equal(deep.level[..., :3][there], usual.level[there])
    np.testing.assert_array_equal(deep.weights, usual.weights)


def test_a_hundred_chains_of_a_hundred_ops_are_all_apart() -> None:
    draws = draw(AugMixSettings(width=100, depth=100), Key(1).of_copy(255), np.arange(4))
    assert len(np.unique(draws.level)) >= draws.level.size - 5  # of 32 bits, so two of 40,000 may be equal
    assert len(np.unique(draws.weights)) >= draws.weights.size - 5


def test_draws_are_independent_of_each_other() -> None:
    count = 8000
    fields = []
    for copy in range(2):
        draws = draw(AugMixSettings(), Key(6).of_copy(copy), np.arange(count))
        depth = (draws.op >= 0).sum(axis=2)
        fields += [draws.share]
        for w in range(2):
            fields += [draws.weights[:, w], depth[:, w], draws.op[:, w, 0], draws.level[:, w, 0], draws.sign[:, w, 0]]
        deep = depth[:, 0] > 1
        for array in (draws.op, draws.level):
            one_after_another = np.corrcoef(array[deep, 0, 0], array[deep, 0, 1])[0, 1]
            assert abs(one_after_another) < 5 / np.sqrt(deep.sum())
    expected = np.eye(len(fields))
    for first, second in ((1, 6), (12, 17)):  # two of three weights that sum to 1
        expected[first, second] = expected[second, first] = -0.5
    np.testing.assert_allclose(np.corrcoef(np.stack(fields)), expected, atol=5 / np.sqrt(count))


@pytest.mark.parametrize("case", CASES)
def test_white_stays_within_the_range(case: str) -> None:
    """In float32 weights may sum to a little more than 1: one copy in 2,000 would be brighter than white."""
    method, white = make(CASES[case]), np.full((8000, 4, 4, 3), 255, np.uint8)
    for form, batch in ((method.augment_array, white), (method.augment_tensor, torch.from_numpy(white))):
        made = form(batch, Key(1), np.arange(8000))
        assert made.max() <= 1
        assert made.min() >= 0


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**64 - 1),
    epoch=st.integers(0, 2**32 - 1),
    alpha=st.floats(0.1, 1000),
    severity=st.floats(0.1, 10),
)
def test_any_settings_give_images(seed: int, epoch: int, alpha: float, severity: float) -> None:
    method = AugMix(AugMixSettings(alpha=alpha, severity=severity, all_ops=True))
    ramp = np.arange(20 * 8 * 8 * 3, dtype=np.uint8).reshape(20, 8, 8, 3)
    made = method.augment_array(ramp, Key(seed, epoch), np.arange(20))
    assert np.isfinite(made).all()
    assert made.min() >= 0 and made.max() <= 1


def test_is_a_function_of_seed_epoch_and_index(photographs: Callable[..., np.ndarray]) -> None:
    images, method, indices = photographs(60, 32, 32), make(AugMixSettings()), np.arange(60) + 7

    def views(of: np.ndarray | list[int], key: Key) -> np.ndarray:
        return method.augment_array(images[of], key, indices[of]).reshape(3, -1, 3, 32, 32)

    made = views(np.arange(60), Key(1, 2))
    order = np.random.default_rng(0).permutation(60)[:25]
    np.testing.assert_array_equal(views(order, Key(1, 2)), made[:, order])
    np.testing.assert_array_equal(views([4], Key(1, 2)), made[:, 4:5])
    for other in (Key(1, 3), Key(2, 2)):
        assert not np.array_equal(views(np.arange(60), other)[1:], made[1:])
    assert not np.array_equal(
        method.augment_array(images, Key(1, 2), indices + 1)[60:], made[1:].reshape(120, 3, 32, 32)
    )


def test_any_number_of_threads_makes_the_same(
    photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    images, method = photographs(150, 32, 32), make(AugMixSettings())
    made = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        made.append(method.augment_array(images, Key(1), np.arange(150)))
    np.testing.assert_array_equal(*made)


def test_input_is_left_alone(photographs: Callable[..., np.ndarray]) -> None:
    images = photographs(20, 16, 16)
    before = images.copy()
    AugMix(AugMixSettings()).augment_array(images, Key(0), np.arange(20))
    np.testing.assert_array_equal(images, before)
    assert images.flags.writeable


def test_without_the_term_there_is_one_view_and_plain_cross_entropy() -> None:
    method = make(AugMixSettings(jsd=0.0))
    assert (type(method), method.views) == (AugMix, 1)
    logits, targets = torch.randn(8, 10), torch.arange(8)
    assert method.loss(logits, targets) == functional.cross_entropy(logits, targets)


def test_the_method_has_its_settings() -> None:
    chosen = AugMixSettings(severity=1.0, width=4, jsd=5.0)
    made = pickle.loads(pickle.dumps(make(chosen)))
    assert isinstance(made, Consistent)
    augmix, jsd = made.parts
    assert isinstance(augmix, AugMix) and isinstance(jsd, Jsd)
    assert (made.name, made.views, made.in_loader, augmix.settings) == ("augmix", 3, True, chosen)
    assert jsd.weight == 5


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_tensors_are_the_arrays(case: str, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    count, key, method = 60, Key(5, 3), make(CASES[case])
    images, indices = photographs(count, *size), np.arange(count) * 11
    tensor = torch.from_numpy(images.copy())
    made = method.augment_tensor(tensor, key, indices)
    expected = method.augment_array(images, key, indices)
    assert made.shape == expected.shape
    assert made.dtype == torch.float32
    assert made.is_contiguous(memory_format=torch.channels_last)
    assert made.min() >= 0 and made.max() <= 1
    apart = np.abs(made.numpy() - expected) * 255
    assert apart.max() <= 1 + 1e-3
    assert (apart > 1e-3).mean() <= 1e-3
    np.testing.assert_array_equal(tensor.numpy(), images)


def test_tensors_are_the_same_in_parts(photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    images, method = torch.from_numpy(photographs(20, 16, 16)), make(AugMixSettings())
    whole = method.augment_tensor(images, Key(1), np.arange(20))
    monkeypatch.setattr("pixmix.methods._augmix._BYTES", 7 * 3 * 16 * 16 * 3)
    torch.testing.assert_close(method.augment_tensor(images, Key(1), np.arange(20)), whole, atol=1e-6, rtol=0)
    assert method.augment_tensor(images[:0], Key(1), np.arange(0)).shape == (0, 3, 16, 16)
