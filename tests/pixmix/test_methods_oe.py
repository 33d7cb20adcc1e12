"""Outlier exposure: which outliers come with which image, and the loss."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from outlier_samples import numbered
from scipy import stats
from torch.nn import functional

from mixset import InputError
from pixmix._augment.crops import crop_and_flip
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._base import as_float
from pixmix.methods._oe import OE
from pixmix.methods._settings import OESettings


def numbers_of(images: np.ndarray) -> np.ndarray:
    """Of float images (N, 3, H, W) made of `numbered` ones; the middle of images of 16 px is never padding."""
    side = images.shape[2]
    middle = np.rint(images[:, :, side // 2, side // 2] * 255).astype(int)
    assert (middle[:, 2] == 255).all()
    return middle[:, 0] * 250 + middle[:, 1]


def exposure(outliers: np.ndarray, count: int = 2, weight: float = 0.5) -> OE:
    size = outliers.shape[1:3]
    return OE(OESettings(outliers=count, weight=weight), outliers, size=size)


def shown(method: OE, key: Key, indices: np.ndarray) -> np.ndarray:
    """The numbers of the outliers that come with the images, (outliers, N)."""
    made = method.augment_array(np.zeros((len(indices), 16, 16, 3), np.uint8), key, indices)
    return numbers_of(made[len(indices) :]).reshape(method.views - 1, len(indices))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_image_brings_its_outliers_from_a_start_on(count: int) -> None:
    total, train = 1000, 300
    method = exposure(numbered(total), count)
    assert method.views == 1 + count
    numbers = shown(method, Key(3, 1), np.arange(train))
    start = numbers[0, 0]
    expected = (start + count * np.arange(train) + np.arange(count)[:, None]) % total
    np.testing.assert_array_equal(numbers, expected)
    assert len(np.unique(numbers)) == count * train  # none twice
    starts = {shown(method, key, np.arange(1))[0, 0] for key in (Key(3, 1), Key(3, 2), Key(4, 1), Key(3, 3))}
    assert len(starts) == 4


def test_starts_are_even_over_the_set() -> None:
    method = exposure(numbered(100))
    starts = [method._indices(Key(0, epoch), np.zeros(1, np.int64))[0] for epoch in range(4000)]
    assert stats.chisquare(np.bincount(starts, minlength=100)).pvalue > 1e-3


@pytest.mark.parametrize("total", [1, 2, 3, 7])
def test_few_outliers_come_again(total: int) -> None:
    numbers = shown(exposure(numbered(total)), Key(0), np.arange(10))
    start = numbers[0, 0]
    np.testing.assert_array_equal(numbers.T.ravel(), (start + np.arange(20)) % total)


@pytest.mark.parametrize(("side", "padding"), [(32, 4), (64, 4), (65, 0), (96, 0)])
def test_images_are_cropped_training_images_and_outliers(
    side: int, padding: int, photographs: Callable[..., np.ndarray]
) -> None:
    batch, outliers, key, indices = (
        photographs(6, side, side),
        photographs(20, side, side, seed=1),
        Key(5, 2),
        np.arange(6),
    )
    made = exposure(outliers).augment_array(batch, key, indices)
    assert made.shape == (18, 3, side, side)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made[:6], as_float(batch))
    start = int(philox.uniforms(5, 2, np.array([0]), philox.EXPOSURE, 4)[0, 3] * 20)
    for j in range(2):
        places = (start + 2 * indices + j) % 20
        draws = philox.uniforms(5, 2, 2 * indices + j, philox.EXPOSURE, 3)
        for n, (flip, top, left) in enumerate(draws):
            image = outliers[places[n]]
            image = image[:, ::-1] if flip < 0.5 else image
            padded = np.pad(image, ((padding, padding), (padding, padding), (0, 0)))
            y, x = int(top * (2 * padding + 1)), int(left * (2 * padding + 1))
            expected = padded[y : y + side, x : x + side]
            np.testing.assert_array_equal(made[6 * (1 + j) + n], as_float(expected[None])[0])


def test_crops_of_outliers_are_not_those_of_the_images(photographs: Callable[..., np.ndarray]) -> None:
    same = photographs(1, 16, 16)
    outliers, indices, key = np.repeat(same, 300, axis=0), np.arange(100), Key(0)
    made = exposure(outliers, 1).augment_array(outliers[:100], key, indices)[100:]
    cropped = as_float(crop_and_flip(outliers[:100], key, indices))
    equal = (made == cropped).all(axis=(1, 2, 3)).sum()
    assert equal < 6  # one in 162 by chance


def test_is_a_function_of_seed_epoch_and_index(photographs: Callable[..., np.ndarray]) -> None:
    batch, outliers, indices = photographs(30, 16, 16), photographs(50, 16, 16, seed=1), np.arange(30) * 3
    method = exposure(outliers)

    def views(of: np.ndarray, key: Key) -> np.ndarray:
        return method.augment_array(batch[of], key, indices[of]).reshape(3, -1, 3, 16, 16)

    made = views(np.arange(30), Key(1, 2))
    order = np.random.default_rng(0).permutation(30)[:11]
    np.testing.assert_array_equal(views(order, Key(1, 2)), made[:, order])
    for other in (Key(1, 3), Key(2, 2)):
        assert not np.array_equal(views(np.arange(30), other)[1:], made[1:])


@pytest.mark.parametrize("side", [32, 80])
def test_tensors_are_the_arrays(side: int, photographs: Callable[..., np.ndarray]) -> None:
    batch, outliers, indices = photographs(12, side, side), photographs(20, side, side, seed=1), np.arange(12) * 5
    method = exposure(outliers)
    for key in (Key(1, 2), Key(1, 3)):
        made = method.augment_tensor(torch.from_numpy(batch.copy()), key, indices)
        assert made.dtype == torch.float32
        np.testing.assert_array_equal(made.numpy(), method.augment_array(batch, key, indices))
    assert method.resident.array is outliers
    assert pickle.loads(pickle.dumps(method)).resident is None
    assert method.resident is not None


def plain_loss(logits: torch.Tensor, targets: torch.Tensor, weight: float) -> torch.Tensor:
    """Cross entropy of the training images, and of the outliers with a label that is uniform over the classes."""
    count, classes = len(targets), logits.shape[1]
    ours = -functional.softmax(logits[:count], 1)[torch.arange(count), targets].log().mean()
    uniform = torch.full((len(logits) - count, classes), 1 / classes, dtype=logits.dtype)
    return ours - weight * (uniform * functional.softmax(logits[count:], 1).log()).sum(1).mean()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_the_loss_is_the_originals(count: int, weight: float) -> None:
    method = exposure(numbered(5), count, weight)
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn((1 + count) * 20, 10, generator=generator, dtype=torch.float64)
    targets = torch.randint(10, (20,), generator=generator)
    ours, theirs = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss, expected = method.loss(ours, targets), plain_loss(theirs, targets, weight)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert torch.autograd.gradcheck(lambda values: method.loss(values, targets), logits.requires_grad_())


def test_the_loss_is_least_where_outliers_are_uniform() -> None:
    method, targets = exposure(numbered(5)), torch.zeros(4, dtype=torch.long)
    logits = torch.zeros(12, 10)
    least = method.loss(logits, targets)
    torch.testing.assert_close(least, torch.tensor(1.5 * np.log(10), dtype=torch.float32))
    logits[4:, 3] = 1.0
    assert method.loss(logits, targets) > least
    logits[4:, 3] = 1e4
    logits.requires_grad_()
    method.loss(logits, targets).backward()
    assert torch.isfinite(logits.grad).all()


def wrong_arrays() -> dict[str, np.ndarray]:
    right = numbered(4, 8)
    return {
        "floats": right.astype(np.float32),
        "another size": numbered(4, 9),
        "grey": right[..., :1],
        "planes": right.transpose(0, 3, 1, 2),
        "none": right[:0],
    }


@pytest.mark.parametrize("case", wrong_arrays())
def test_wrong_outliers_are_named(case: str) -> None:
    with pytest.raises(InputError, match=r"outliers: \(M, 8, 8, 3\) uint8 is needed, got .* of shape"):
        OE(OESettings(), wrong_arrays()[case], size=(8, 8))


def test_the_method_has_its_settings_and_needs_outliers() -> None:
    chosen = OESettings(weight=0.1, outliers=3)
    options = {"classes": 10, "size": (8, 8), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    made: Any = make_method("oe", settings=MethodSettings(oe=chosen), outliers=numbered(10, 8), **options)
    assert (made.name, made.views, made.in_loader, made.settings) == ("oe", 4, True, chosen)
    with pytest.raises(InputError, match="method oe needs outliers; give a set of images as outliers"):
        make_method("oe", **options)


@pytest.mark.parametrize("part", [None, slice(100, 200)])
def test_a_mapped_file_goes_to_workers_as_its_path(part: slice | None, tmp_path: Path) -> None:
    np.save(tmp_path / "outliers.npy", numbered(300))
    mapped = np.load(tmp_path / "outliers.npy", mmap_mode="r")
    method = exposure(mapped if part is None else mapped[part])
    data = pickle.dumps(method)
    assert (len(data) < 1000) == (part is None)  # where a part of a map lies is not known: its content goes
    indices = np.arange(30)
    np.testing.assert_array_equal(shown(pickle.loads(data), Key(1), indices), shown(method, Key(1), indices))


def test_arrays_go_to_workers_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "outliers.npy", np.asfortranarray(numbered(300)))
    for outliers in (numbered(300), np.load(tmp_path / "outliers.npy", mmap_mode="r")):
        method, indices = exposure(outliers), np.arange(30)
        again = pickle.loads(pickle.dumps(method))
        np.testing.assert_array_equal(shown(again, Key(1), indices), shown(method, Key(1), indices))


def test_a_mapped_file_that_is_gone_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "outliers.npy", numbered(30))
    data = pickle.dumps(exposure(np.load(tmp_path / "outliers.npy", mmap_mode="r")))
    (tmp_path / "outliers.npy").unlink()
    with pytest.raises(InputError, match=r"outliers .*outliers.npy cannot be read again"):
        pickle.loads(data)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(1, 10**8), st.integers(1, 40))
def test_indices_are_in_the_set_whatever_the_key(epoch: int, seed: int, total: int, count: int) -> None:
    method = OE(OESettings(outliers=count), np.broadcast_to(np.uint8(0), (total, 2, 2, 3)), size=(2, 2))
    indices = method._indices(Key(seed, epoch), method._numbers(np.array([1_281_166])))
    assert indices.min() >= 0 and indices.max() < total
    assert len(np.unique(indices)) == min(count, total)
