"""TrivialAugment and RandAugment: torchvision's images for the ops that are drawn, and the laws of the draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2

from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._base import as_float
from pixmix.methods._rival_settings import RandAugmentSettings, TrivialAugmentSettings
from pixmix.methods._trivialaugment import BINS, NAMES, BinDraws, BinnedOps, apply

KEY = Key(3, 1)


class Script:
    """Torch's `randint` and `rand` for torchvision's transforms, which then do what one image's draws say."""

    def __init__(self, draws: Any, n: int) -> None:
        self.draws, self.n, self.d = draws, n, -1

    def randint(self, high: int, size: Any) -> Tensor:
        if high == len(NAMES):
            self.d += 1
            return torch.tensor(self.draws.op[self.n, self.d])
        assert high == BINS
        return torch.tensor(self.draws.bin[self.n, self.d])

    def rand(self, size: Any) -> Tensor:
        return torch.tensor(0.25 if self.draws.negative[self.n, self.d] else 0.75)


def torchvisions(transform: Any, batch: Any, draws: Any, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    made = []
    for n, image in enumerate(batch):
        script = Script(draws, n)
        with monkeypatch.context() as patched:
            patched.setattr(torch, "randint", script.randint)
            patched.setattr(torch, "rand", script.rand)
            made.append(np.asarray(transform(Image.fromarray(image))))
        assert script.d == draws.op.shape[1] - 1
    return np.stack(made)


def every(*, strength: Any = None) -> BinDraws:
    """Each op at each strength in both directions, or at one strength."""
    bins = range(BINS) if strength is None else [strength]
    rows = [(op, place, sign) for op in range(len(NAMES)) for place in bins for sign in (False, True)]
    op, place, sign = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    return BinDraws(op=op, bin=place, negative=sign)


@pytest.mark.parametrize("size", [(32, 32), (40, 24)])
def test_images_are_torchvisions(
    size: Any, photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = every()
    batch = photographs(len(draws.op), *size)
    expected = torchvisions(v2.TrivialAugmentWide(), batch, draws, monkeypatch)
    np.testing.assert_array_equal(apply(batch, draws, "wide"), expected)


@pytest.mark.parametrize("strength", [0, 9, 14, 30])
def test_standard_strengths_are_torchvisions(
    strength: Any, photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = every(strength=strength)
    batch = photographs(len(draws.op), 32, 24)
    expected = torchvisions(v2.RandAugment(num_ops=1, magnitude=strength), batch, draws, monkeypatch)
    np.testing.assert_array_equal(apply(batch, draws, "standard"), expected)


def test_ops_follow_each_other_as_torchvisions(
    photographs: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, indices = photographs(60, 32, 32), np.arange(60) * 7
    method = BinnedOps("randaugment", depth=3, strength=5, space="standard")
    draws = method.draw_ops(KEY, indices)
    expected = torchvisions(v2.RandAugment(num_ops=3, magnitude=5), batch, draws, monkeypatch)
    np.testing.assert_array_equal(method.augment_array(batch, KEY, indices), as_float(expected))


def test_the_list_of_ops_is_torchvisions() -> None:
    for transform in (v2.TrivialAugmentWide, v2.RandAugment):
        space = transform._AUGMENTATION_SPACE
        assert [name.lower() for name in space] == [name.replace("_", "") for name in NAMES]


def test_ops_strengths_and_signs_are_equally_likely() -> None:
    draws = BinnedOps("trivialaugment", depth=1, strength=None, space="wide").draw_ops(KEY, np.arange(20_000))
    for values, count in ((draws.op, 14), (draws.bin, 31), (draws.negative, 2)):
        assert stats.chisquare(np.bincount(values[:, 0].astype(int), minlength=count)).pvalue > 1e-3
    together = np.zeros((14, 31))
    np.add.at(together, (draws.op[:, 0], draws.bin[:, 0]), 1)
    assert stats.chi2_contingency(together).pvalue > 1e-3


def test_defaults_are_those_of_the_authors() -> None:
    def make(name: str, **settings: Any) -> Any:
        half = (0.5, 0.5, 0.5)
        given = MethodSettings(**settings)
        method = make_method(name, classes=10, size=(32, 32), mean=half, std=half, settings=given)
        assert isinstance(method, BinnedOps)
        return method.depth, method.strength, method.space

    assert make("trivialaugment") == (1, None, "wide")
    assert make("randaugment") == (2, 9, "standard")
    assert make("trivialaugment", trivialaugment=TrivialAugmentSettings(space="standard"))[2] == "standard"
    assert make("randaugment", randaugment=RandAugmentSettings(ops=1, magnitude=14)) == (1, 14, "standard")


def test_another_depth_shifts_no_draw() -> None:
    two, three = (BinnedOps("randaugment", depth=depth, strength=9, space="standard") for depth in (2, 3))
    one, other = (method.draw_ops(KEY, np.arange(50)) for method in (two, three))
    np.testing.assert_array_equal(one.op, other.op[:, :2])
    np.testing.assert_array_equal(one.negative, other.negative[:, :2])
