"""APR-S and APR-P: the images of its authors' code for given draws, and the laws of draws and loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import Tensor
from torch.nn import functional

from pixmix._augment.settings import BASIC_OPS, OPS, SIGNED_OPS
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix._engines.pillow import OP_FUNCTIONS
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._apr import APRPaired, APRSingle, recombine_pairs
from pixmix.methods._base import Method, StepKey, as_float
from pixmix.methods._fourier import recombine, recombine_bytes, to_bytes
from pixmix.methods._pair_draws import PairDraws, draw_pairs, draw_partners
from pixmix.methods._rival_settings import APRSettings

ORIGINAL = json.loads((Path(__file__).parent / "recombined_images.json").read_text())
A, B = (torch.tensor(ORIGINAL[name], dtype=torch.uint8)[None] for name in "ab")
BATCH = torch.cat([A, B]).permute(0, 3, 1, 2) / 255
KEY = Key(3, 1)


def make(name: str, *, size: Any = (32, 32), **options: Any) -> Any:
    given = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.25, 0.3), **options}
    return make_method(name, classes=10, size=size, **given)


def step_key(step: int = 0, **other: Any) -> StepKey:
    return StepKey(**{"seed": 3, "epoch": 1, "step": step, **other})


def mixed_by(method: Method, images: Tensor, step: int = 0) -> Tensor:
    """The second half of a batch."""
    rest = {"network": torch.nn.Identity(), "key": step_key(step), "classes": 10}
    return method.batch(images, torch.zeros(len(images), dtype=torch.int64), **rest)[0][len(images) :]


def exchanging(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make each batch of two exchange its images."""
    monkeypatch.setattr("pixmix.methods._apr.draw_partners", lambda *_, **__: np.array([1, 0]))


@pytest.mark.parametrize(("name", "one", "other", "total"), [("a", A, B, 6049), ("b", B, A, 6116)])
def test_amplitudes_and_phases_are_the_originals(name: str, one: Any, other: Any, total: int) -> None:
    floats = torch.tensor(ORIGINAL[f"apr_s_amplitudes_of_{name}_floats"], dtype=torch.float64)
    made = recombine(*(image.permute(0, 3, 1, 2).to(torch.float64) for image in (one, other)))
    torch.testing.assert_close(made[0].permute(1, 2, 0), floats, atol=1e-4, rtol=0)
    wrapped, clipped = (recombine_bytes(one, other, wrap=wrap) for wrap in (True, False))
    np.testing.assert_array_equal(wrapped[0], ORIGINAL[f"apr_s_amplitudes_of_{name}"])
    assert int(clipped.to(torch.int64).sum()) == total
    within = (floats >= 0) & (floats < 256)
    assert torch.equal(wrapped[0][within], clipped[0][within]) and not within.all()


def test_bytes_wrap_or_are_cut_off() -> None:
    values = torch.tensor([-3.0, -0.5, 0.0, 2.9, 254.99, 255.0, 255.9, 259.2, -300.0])
    assert to_bytes(values, wrap=True).tolist() == [253, 0, 0, 2, 254, 255, 255, 3, 212]
    assert to_bytes(values, wrap=False).tolist() == [0, 0, 0, 2, 254, 255, 255, 255, 0]


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 7, 9), (3, 5, 6), (1, 4, 4)])
def test_recombining_is_the_full_transform_by_its_formula(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    one, other = random.random((2, 4, *shape))
    transforms = [np.fft.fftn(images, axes=(1, 2, 3)) for images in (one, other)]
    expected = np.fft.ifftn(np.abs(transforms[0]) * np.exp(1j * np.angle(transforms[1])), axes=(1, 2, 3)).real
    np.testing.assert_allclose(recombine(torch.from_numpy(one), torch.from_numpy(other)), expected, atol=1e-12)
    np.testing.assert_allclose(recombine(*[torch.from_numpy(one)] * 2), one, atol=1e-12)


def test_apr_p_is_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanging(monkeypatch)
    method = make("apr-p", size=(4, 4))
    rows, targets = method.batch(BATCH, torch.tensor([3, 7]), network=torch.nn.Identity(), key=step_key(), classes=10)
    assert torch.equal(rows[:2], BATCH)
    np.testing.assert_allclose(rows[2:], ORIGINAL["apr_p"], atol=2e-6)
    assert rows.min() < 0 and rows.max() > 1
    assert targets.tolist() == [3, 7, 3, 7]


def test_apr_p_works_on_normalised_images_where_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    exchanging(monkeypatch)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))
    large, small = make("apr-p", size=(224, 224)), make("apr-p", size=(64, 64))
    images = torch.rand(2, 3, 8, 8)
    normalised = (images - mean) / std
    expected = recombine(normalised.flip(0), normalised) * std + mean
    torch.testing.assert_close(mixed_by(large, images), expected)
    torch.testing.assert_close(mixed_by(small, images), recombine(images.flip(0), images))
    assert not torch.allclose(mixed_by(large, images), mixed_by(small, images), atol=1e-2)
    chosen = MethodSettings(apr=APRSettings(normalised=False))
    assert make("apr-p", size=(224, 224), settings=chosen).normaliser is None


def test_apr_ps_loss_is_the_sum_of_both() -> None:
    logits, labels = torch.randn(16, 10, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    expected = functional.cross_entropy(logits[:8], labels) + functional.cross_entropy(logits[8:], labels)
    torch.testing.assert_close(make("apr-p").loss(logits, labels.repeat(2)), expected)


@pytest.mark.parametrize(
    ("size", "settings", "probability"),
    [(32, {}, 0.6), (224, {}, 0.5), (32, {"probability": 1.0}, 1.0), (224, {"probability": 0.0}, 0.0)],
)
def test_a_coin_decides_for_each_batch(size: Any, settings: Any, probability: float) -> None:
    method = make("apr-p", size=(size, size), settings=MethodSettings(apr=APRSettings(**settings)))
    changed = [method.draw(step_key(step), 3, (4, 4)).form == "mixed" for step in range(500)]
    assert stats.binomtest(sum(changed), 500, probability).pvalue > 1e-3


def test_partners_are_permutations_that_depend_on_the_whole_key() -> None:
    def order(number: int = 0, **changes: int) -> list[int]:
        partner = draw_partners(step_key(**changes), 64, probability=1.0, number=number)
        assert partner is not None and sorted(partner.tolist()) == list(range(64))
        return partner.tolist()

    assert order() == order()
    for other in (order(number=1), *(order(**{name: 7}) for name in ("seed", "epoch", "step", "rank"))):
        assert other != order()


def by_hand(image: np.ndarray, draws: Any, n: int, wrap: bool) -> np.ndarray:
    """APR-S of one image by Pillow and NumPy."""
    copies = [Image.fromarray(image)]
    for d in range(2):
        name = OPS[draws.op[n, d]]
        copies.append(OP_FUNCTIONS[name](copies[-1], float(draws.level[n, d]), int(draws.sign[n, d])))
    first, second = (np.asarray(copy, np.float64) for copy in copies[1:])
    if not draws.both[n]:
        return first
    if draws.exchanged[n]:
        first, second = second, first
    mixed = np.fft.ifftn(np.abs(np.fft.fftn(first)) * np.exp(1j * np.angle(np.fft.fftn(second)))).real
    mixed += 1e-6  # whole numbers, where both copies are the same, stay what they are
    return np.trunc(mixed) % 256 if wrap else np.clip(np.trunc(mixed), 0, 255)


@pytest.mark.parametrize("wrap", [False, True])
def test_apr_s_is_ops_and_recombination_by_hand(wrap: bool, photographs: Callable[..., np.ndarray]) -> None:
    batch, indices = photographs(40, 24, 32), np.arange(40) * 3
    method = make("apr-s", settings=MethodSettings(apr=APRSettings(wrap=wrap, severity=2.0)))
    assert isinstance(method, APRSingle)
    draws = draw_pairs(KEY, indices, stream=philox.APR, severity=2.0)
    expected = np.stack([by_hand(image, draws, n, wrap) for n, image in enumerate(batch)])
    made = np.rint(method.augment_array(batch, KEY, indices) * 255).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(made, expected)


def test_one_coin_leaves_the_first_op_alone(photographs: Callable[..., np.ndarray]) -> None:
    batch = torch.from_numpy(photographs(1, 16, 16))
    column = np.array([[1, 4]], np.int8)
    draws = PairDraws(
        op=column,
        level=np.full((1, 2), 3.0),
        sign=np.ones((1, 2), np.int8),
        both=np.zeros(1, bool),
        exchanged=np.ones(1, bool),
    )
    made = recombine_pairs(batch, draws, wrap=False)
    np.testing.assert_array_equal(made[0], OP_FUNCTIONS[OPS[1]](Image.fromarray(batch[0].numpy()), 3.0, 1))


def test_draws_are_the_originals_distribution() -> None:
    draws = draw_pairs(KEY, np.arange(20_000), stream=philox.APR, severity=3.0)
    for coin in (draws.both, draws.exchanged, draws.sign[:, 0] > 0, draws.sign[:, 1] > 0):
        assert stats.binomtest(int(coin.sum()), 20_000, 0.5).pvalue > 1e-3
    for d in range(2):
        assert stats.chisquare(np.bincount(draws.op[:, d], minlength=BASIC_OPS)).pvalue > 1e-3
        assert stats.kstest(draws.level[:, d], stats.uniform(0.1, 2.9).cdf).pvalue > 1e-3
    together = np.zeros((2, 2))
    np.add.at(together, (draws.both.astype(int), draws.exchanged.astype(int)), 1)
    assert stats.chi2_contingency(together).pvalue > 1e-3
    assert set(SIGNED_OPS) <= {OPS[number] for number in range(BASIC_OPS)}
    other = draw_pairs(KEY, np.arange(20_000), stream=philox.APR, severity=3.0, number=1)
    assert abs(np.corrcoef(draws.level[:, 0], other.level[:, 0])[0, 1]) < 0.03


def test_both_compose(photographs: Callable[..., np.ndarray]) -> None:
    both = make("apr-s+apr-p")
    assert (both.views, both.batch_views, both.keys) == (1, 2, ("image", "step"))
    assert isinstance(both.parts[1], APRPaired)
    batch, indices = photographs(6, 32, 32), np.arange(6)
    single = make("apr-s").augment_array(batch, KEY, indices)
    np.testing.assert_array_equal(both.augment_array(batch, KEY, indices), single)
    assert not np.array_equal(single, as_float(batch))


def test_any_number_at_once_gives_the_same(
    photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (torch.from_numpy(photographs(7, 12, 10, seed=seed)) for seed in (0, 1))
    whole = recombine_bytes(one, other, wrap=False)
    monkeypatch.setattr("pixmix.methods._fourier._AT_ONCE", 2 * 12 * 10 * 3)
    assert torch.equal(recombine_bytes(one, other, wrap=False), whole)
    assert len(recombine_bytes(one[:0], other[:0], wrap=False)) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["apr-s", "hybridaugment-s", "hybridaugmentpp-s", "apr-s+jsd"])
def test_any_layout_of_the_images_will_do(name: str, photographs: Callable[..., np.ndarray]) -> None:
    method, batch, indices = make(name), photographs(4, 32, 32), np.arange(4)
    expected = method.augment_array(batch, KEY, indices)
    layouts = batch[::-1].copy()[::-1], np.asfortranarray(batch), batch.copy()
    layouts[2].flags.writeable = False
    for given in layouts:
        np.testing.assert_array_equal(method.augment_array(given, KEY, indices), expected)
