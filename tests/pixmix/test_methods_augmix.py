"""AugMix: draws, images beside the original's algorithm in plain Pillow, the Jensen-Shannon term, and laws."""

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
from pixmix.methods._augmix import AugMix, jensen_shannon
from pixmix.methods._augmix_draws import AugMixDraws, draw
from pixmix.methods._base import as_float
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


def augmixed(image: np.ndarray, draws: AugMixDraws, n: int, c: int) -> np.ndarray:
    """The original's: (1 - m) x + m sum of w_i chain_i(x), on images normalised to [-1, 1], and back: (3, H, W)."""

    def normalised(pixels: Image.Image) -> np.ndarray:
        return (np.asarray(pixels).transpose(2, 0, 1) / 255 - 0.5) / 0.5

    start = Image.fromarray(image)
    mixture = np.zeros((3, *image.shape[:2]))
    for w in range(draws.op.shape[2]):
        chain = start
        for op, level, sign in zip(draws.op[n, c, w], draws.level[n, c, w], draws.sign[n, c, w], strict=True):
            if op >= 0:
                chain = OP_FUNCTIONS[OPS[op]](chain, float(level), int(sign))
        mixture += float(draws.weights[n, c, w]) * normalised(chain)
    m = float(draws.share[n, c])
    return ((1 - m) * normalised(start) + m * mixture) * 0.5 + 0.5


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_images_are_the_originals(case: str, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    count, key = 40, Key(5, 3)
    images, indices = photographs(count, *size), np.arange(count) * 11
    method = AugMix(CASES[case])
    draws = draw(method.settings, key, indices, copies=method.copies)
    made = method.augment_array(images, key, indices)
    assert made.dtype == np.float32
    assert made.min() >= 0 and made.max() <= 1
    views = list(made.reshape(method.views, count, 3, *size))
    if method.views == 3:
        np.testing.assert_array_equal(views.pop(0), as_float(images))
    assert len(views) == method.copies
    for c, view in enumerate(views):
        expected = np.stack([augmixed(images[n], draws, n, c) for n in range(count)])
        np.testing.assert_allclose(view, expected, atol=1e-6, rtol=0)


def test_two_views_are_mixed_apart_and_the_first_is_that_of_one() -> None:
    draws = draw(AugMixSettings(), Key(0), np.arange(200), copies=2)
    for field in draws.arrays():
        assert (field[:, 0] != field[:, 1]).any()
    correlation = np.corrcoef(draws.share[:, 0], draws.share[:, 1])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(200)
    alone = draw(AugMixSettings(), Key(0), np.arange(200), copies=1)
    for one, two in zip(alone.arrays(), draws.arrays(), strict=True):
        np.testing.assert_array_equal(one[:, 0], two[:, 0])


@pytest.mark.parametrize(("width", "alpha"), [(3, 1.0), (2, 0.5), (5, 4.0), (3, 0.1)])
def test_weights_are_dirichlet_and_shares_beta(width: int, alpha: float) -> None:
    draws = draw(AugMixSettings(width=width, alpha=alpha), Key(8), np.arange(6000), copies=1)
    np.testing.assert_allclose(draws.weights.sum(axis=2), 1, atol=1e-6)
    mean, spread = 1 / width, np.sqrt((1 - 1 / width) / width / (width * alpha + 1))
    np.testing.assert_allclose(draws.weights[:, 0].mean(axis=0), mean, atol=4 * spread / np.sqrt(6000))
    np.testing.assert_allclose(draws.weights[:, 0].std(axis=0), spread, rtol=0.05)
    for w in range(width):
        marginal = stats.beta(alpha, (width - 1) * alpha)
        assert stats.kstest(draws.weights[:, 0, w].astype(float), marginal.cdf).pvalue > 1e-3
    assert abs(draws.share.mean() - 0.5) < 4 * np.sqrt(0.25 / (2 * alpha + 1) / 6000)
    if alpha >= 0.5:  # below, float32 rounds many to 1
        assert stats.kstest(draws.share[:, 0].astype(float), stats.beta(alpha, alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("all_ops", "ops"), [(False, 9), (True, 13)])
def test_ops_depths_levels_and_signs_are_even(all_ops: bool, ops: int) -> None:
    severity = 3.0
    draws = draw(AugMixSettings(all_ops=all_ops, severity=severity), Key(2), np.arange(2000), copies=2)
    there = draws.op >= 0
    assert (there[..., :-1] >= there[..., 1:]).all()  # a chain has no gap
    depths = there.sum(axis=3).ravel()
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
    usual = draw(AugMixSettings(), Key(1), indices, copies=2)
    wide = draw(AugMixSettings(width=7), Key(1), indices, copies=2)
    np.testing.assert_array_equal(wide.op[:, :, :3], usual.op)
    np.testing.assert_array_equal(wide.share, usual.share)
    deep = draw(AugMixSettings(depth=6), Key(1), indices, copies=2)
    there = usual.op >= 0
    np.testing.assert_array_equal(deep.op[..., :3][there], usual.op[there])
    np.testing.assert_array_equal(deep.level[..., :3][there], usual.level[there])
    np.testing.assert_array_equal(deep.weights, usual.weights)


def test_a_hundred_chains_of_a_hundred_ops_are_all_apart() -> None:
    draws = draw(AugMixSettings(width=100, depth=100), Key(1), np.arange(2), copies=2)
    assert len(np.unique(draws.level)) >= draws.level.size - 5  # of 32 bits, so two of 40,000 may be equal
    assert len(np.unique(draws.weights)) >= draws.weights.size - 5


def test_draws_are_independent_of_each_other() -> None:
    count = 8000
    draws = draw(AugMixSettings(), Key(6), np.arange(count), copies=2)
    depth = (draws.op >= 0).sum(axis=3)
    fields = [draws.share[:, c] for c in range(2)]
    for c, w in np.ndindex(2, 2):
        fields += [draws.weights[:, c, w], depth[:, c, w], draws.op[:, c, w, 0], draws.level[:, c, w, 0]]
        fields += [draws.sign[:, c, w, 0]]
    deep = depth[:, 0, 0] > 1
    fields = np.corrcoef(np.stack(fields))
    expected = np.eye(len(fields))
    for c in range(2):  # two of three weights that sum to 1
        first, second = 2 + 10 * c, 7 + 10 * c
        expected[first, second] = expected[second, first] = -0.5
    np.testing.assert_allclose(fields, expected, atol=5 / np.sqrt(count))
    for array in (draws.op, draws.level):
        one_after_another = np.corrcoef(array[deep, 0, 0, 0], array[deep, 0, 0, 1])[0, 1]
        assert abs(one_after_another) < 5 / np.sqrt(deep.sum())


@pytest.mark.parametrize("case", CASES)
def test_white_stays_within_the_range(case: str) -> None:
    """In float32 weights may sum to a little more than 1: one copy in 2,000 would be brighter than white."""
    method, white = AugMix(CASES[case]), np.full((8000, 4, 4, 3), 255, np.uint8)
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
    images, method, indices = photographs(60, 32, 32), AugMix(AugMixSettings()), np.arange(60) + 7

    def views(of: list[int] | np.ndarray, key: Key) -> np.ndarray:
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
    images, method = photographs(150, 32, 32), AugMix(AugMixSettings())
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


def plain_loss(logits: torch.Tensor, targets: torch.Tensor, weight: float) -> torch.Tensor:
    """The original's lines."""
    clean, first, second = (functional.softmax(part, dim=1) for part in logits.chunk(3))
    mixture = torch.clamp((clean + first + second) / 3, 1e-7, 1).log()
    spread = sum(functional.kl_div(mixture, part, reduction="batchmean") for part in (clean, first, second)) / 3
    return functional.cross_entropy(logits.chunk(3)[0], targets) + weight * spread


@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("weight", [12.0, 0.5])
def test_the_loss_is_the_originals(scale: float, weight: float) -> None:
    logits = scale * torch.randn(3 * 50, 10, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 10
    method = AugMix(AugMixSettings(jsd=weight))
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = method.loss(ours, targets), plain_loss(theirs, targets, weight)
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_views_that_agree_cost_nothing() -> None:
    logits = 5 * torch.randn(20, 7, generator=torch.Generator().manual_seed(1))
    assert abs(jensen_shannon(logits.expand(3, -1, -1)).item()) < 1e-6
    targets = torch.arange(20) % 7
    loss = AugMix(AugMixSettings()).loss(logits.repeat(3, 1), targets)
    torch.testing.assert_close(loss, functional.cross_entropy(logits, targets), atol=2e-5, rtol=0)
    # Three views that are sure of three classes: the most there is, log 3.
    apart = 100 * torch.eye(3).view(3, 1, 3)
    assert jensen_shannon(apart).item() == pytest.approx(np.log(3), rel=1e-5)


def test_the_gradient_is_finite_where_probabilities_are_none() -> None:
    """The original's is not: the logarithm of a probability that is 0 in float32 makes it NaN."""
    gradients = []
    for loss in (AugMix(AugMixSettings()).loss, lambda logits, targets: plain_loss(logits, targets, 12.0)):
        logits = torch.zeros(3 * 4, 10)
        logits[:4, 0], logits[4:8, 1], logits[8:, 2] = 1000, 300, -1000
        logits.requires_grad_()
        loss(logits, torch.zeros(4, dtype=torch.long)).backward()
        gradients.append(logits.grad)
    assert torch.isfinite(gradients[0]).all()
    assert gradients[0].abs().max() > 0
    assert not torch.isfinite(gradients[1]).all()


def test_without_the_term_there_is_one_view_and_plain_cross_entropy() -> None:
    method = AugMix(AugMixSettings(jsd=0.0))
    assert (method.views, method.copies) == (1, 1)
    logits, targets = torch.randn(8, 10), torch.arange(8)
    assert method.loss(logits, targets) == functional.cross_entropy(logits, targets)


def test_the_method_has_its_settings() -> None:
    chosen = AugMixSettings(severity=1.0, width=4)
    made = make_method(
        "augmix", classes=10, size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3, settings=MethodSettings(augmix=chosen)
    )
    made = pickle.loads(pickle.dumps(made))
    assert (made.name, made.views, made.in_loader, made.settings) == ("augmix", 3, True, chosen)


@pytest.mark.parametrize("size", [(32, 32), (17, 24)])
@pytest.mark.parametrize("case", CASES)
def test_tensors_are_the_arrays(case: str, size: tuple[int, int], photographs: Callable[..., np.ndarray]) -> None:
    count, key, method = 60, Key(5, 3), AugMix(CASES[case])
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
    images, method = torch.from_numpy(photographs(20, 16, 16)), AugMix(AugMixSettings())
    whole = method.augment_tensor(images, Key(1), np.arange(20))
    monkeypatch.setattr("pixmix.methods._augmix._BYTES", 7 * 6 * 16 * 16 * 3)
    torch.testing.assert_close(method.augment_tensor(images, Key(1), np.arange(20)), whole, atol=1e-6, rtol=0)
    assert method.augment_tensor(images[:0], Key(1), np.arange(0)).shape == (0, 3, 16, 16)
