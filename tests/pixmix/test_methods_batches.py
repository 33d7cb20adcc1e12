"""Mixup and CutMix beside plain restatements of the originals, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn import functional

from mixset._common.errors import InputError
from pixmix.methods import _batches as batches
from pixmix.methods._base import StepKey
from pixmix.methods._batches import CutMix, Mixup

CLASSES = 10
REST = {"network": torch.nn.Identity(), "classes": CLASSES}


def key(step: int = 0, **other: int) -> StepKey:
    return StepKey(**{"seed": 3, "epoch": 1, "step": step, "rank": 0, **other})


def named(count: int, height: int = 8, width: int = 8) -> torch.Tensor:
    """Images that tell where each pixel came from: image i is the value i everywhere."""
    return torch.arange(count, dtype=torch.float32).view(-1, 1, 1, 1).expand(count, 3, height, width).contiguous()


def labels_of(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, CLASSES, count))


def unmix(count: int, step: int) -> tuple[float, torch.Tensor]:
    """Share and partners of a Mixup step, read from a batch of unit vectors."""
    unit = torch.eye(count).view(count, count, 1, 1)
    mixed, _ = Mixup().batch(unit, labels_of(count), key=key(step), **REST)
    rows = mixed.view(count, count)
    moved = rows.clone().fill_diagonal_(0)
    away = moved.sum(1) > 0
    partner = torch.where(away, moved.argmax(1), torch.arange(count))
    share = rows.diagonal()[away].mean().item()
    return share, partner


@pytest.mark.parametrize("method", [Mixup(), Mixup(alpha=0.2), CutMix(probability=1.0)])
@pytest.mark.parametrize("step", range(5))
def test_loss_is_the_weighted_sum_of_both_labels(method: Mixup | CutMix, step: int) -> None:
    """What the originals compute: lambda CE(a) + (1 - lambda) CE(b)."""
    count = 33
    labels = labels_of(count)
    mixed, targets = method.batch(named(count), labels, key=key(step), **REST)
    partner = torch.from_numpy(batches._permutation(batches._uniforms(key(step), count)))
    own, other = torch.arange(count), partner
    # The mean of a mixed image lies between the two values it is made of, at the share.
    shares = ((mixed.mean(dim=(1, 2, 3)) - other) / (own - other))[own != other]
    share = shares.mean()
    torch.testing.assert_close(shares, share.expand_as(shares), atol=1e-4, rtol=0)
    logits = torch.randn(count, CLASSES, generator=torch.Generator().manual_seed(step))
    first, second = functional.cross_entropy(logits, labels), functional.cross_entropy(logits, labels[partner])
    assert targets.shape == (count, CLASSES)
    torch.testing.assert_close(method.loss(logits, targets), share * first + (1 - share) * second, atol=1e-4, rtol=0)


def test_mixup_mixes_each_image_with_one_other() -> None:
    for step in range(20):
        count = 16
        share, partner = unmix(count, step)
        assert sorted(partner.tolist()) == list(range(count))
        images, labels = torch.rand(count, 3, 4, 4), labels_of(count)
        mixed, targets = Mixup().batch(images, labels, key=key(step), **REST)
        torch.testing.assert_close(mixed, share * images + (1 - share) * images[partner], atol=1e-5, rtol=0)
        hot = functional.one_hot(labels, CLASSES).float()
        torch.testing.assert_close(targets, share * hot + (1 - share) * hot[partner], atol=1e-5, rtol=0)


@pytest.mark.parametrize("alpha", [1.0, 0.2, 3.0])
def test_mixup_share_follows_beta(alpha: float) -> None:
    shares = [batches._beta(batches._uniforms(key(step), 1)[batches.SLOT_SHARE], alpha) for step in range(4000)]
    assert stats.kstest(shares, stats.beta(alpha, alpha).cdf).pvalue > 1e-3


def test_permutations_are_uniform() -> None:
    seen: dict[tuple[int, ...], int] = {}
    for step in range(4800):
        order = tuple(batches._permutation(batches._uniforms(key(step), 4)).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 24
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3


@pytest.mark.parametrize(("height", "width"), [(32, 32), (8, 20), (7, 5)])
def test_cutmix_box_is_the_originals(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        draws, share = rng.random(8), rng.random()
        ratio = math.sqrt(1 - share)
        cut_height, cut_width = int(height * ratio), int(width * ratio)
        row, column = int(draws[batches.SLOT_ROW] * height), int(draws[batches.SLOT_COLUMN] * width)
        expected = (
            *(min(max(row + half, 0), height) for half in (-(cut_height // 2), cut_height // 2)),
            *(min(max(column + half, 0), width) for half in (-(cut_width // 2), cut_width // 2)),
        )
        assert batches._box(draws, share, height, width) == expected


def test_cutmix_pastes_one_box_and_labels_by_its_area() -> None:
    count, height, width = 12, 16, 24
    labels = labels_of(count)
    areas = []
    for step in range(60):
        images = named(count, height, width)
        mixed, targets = CutMix(probability=1.0).batch(images, labels, key=key(step), **REST)
        foreign = (mixed != images).all(dim=1)
        boxes = {tuple(map(tuple, box.nonzero().tolist())) for box in foreign if box.any()}
        assert len(boxes) <= 1  # one box for the whole batch
        if not boxes:
            continue
        indices = np.array(next(iter(boxes)))
        sides = indices.max(0) - indices.min(0) + 1
        assert sides.prod() == len(indices)  # a full rectangle
        share = 1 - len(indices) / (height * width)
        for i in range(count):
            j = int(mixed[i, 0, *indices[0]])
            expected = torch.zeros(CLASSES)
            expected[labels[i]] += share
            expected[labels[j]] += 1 - share
            torch.testing.assert_close(targets[i], expected)
        areas.append(len(indices) / (height * width))
    assert np.std(areas) > 0.1  # of all sizes


def test_cutmix_mixes_half_of_the_batches() -> None:
    changed = 0
    for step in range(400):
        images, labels = named(4), labels_of(4)
        mixed, targets = CutMix().batch(images, labels, key=key(step), **REST)
        if targets.ndim == 1:
            assert mixed is images and targets is labels
        changed += targets.ndim == 2
    assert 160 < changed < 240  # four standard deviations around 200


@pytest.mark.parametrize("method", [Mixup(), CutMix(probability=1.0)])
def test_is_a_function_of_seed_epoch_step_and_rank(method: Mixup | CutMix) -> None:
    def run(**other: int) -> torch.Tensor:
        images = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        return method.batch(images, labels_of(16), key=key(**other), **REST)[0]

    first = run()
    torch.manual_seed(123)
    assert torch.equal(run(), first)
    for other in ({"seed": 4}, {"epoch": 2}, {"step": 1}, {"rank": 1}):
        assert not torch.equal(run(**other), first)


@pytest.mark.parametrize("method", [Mixup(), CutMix(probability=1.0)])
def test_input_and_global_generator_are_left_alone(method: Mixup | CutMix) -> None:
    images = torch.rand(16, 3, 8, 8)
    before, state = images.clone(), torch.get_rng_state()
    mixed, targets = method.batch(images, labels_of(16), key=key(), **REST)
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert mixed.dtype == images.dtype
    assert targets.dtype == torch.float32


def test_a_batch_of_one_is_unchanged_but_for_rounding() -> None:
    images = torch.rand(1, 3, 8, 8)
    for method in (Mixup(), CutMix(probability=1.0)):
        mixed, targets = method.batch(images, torch.tensor([2]), key=key(), **REST)
        torch.testing.assert_close(mixed, images)
        torch.testing.assert_close(targets[0, 2], torch.tensor(1.0))


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_bad_settings_are_named(bad: float) -> None:
    with pytest.raises(InputError, match="alpha"):
        Mixup(alpha=bad)
    with pytest.raises(InputError, match="beta"):
        CutMix(beta=bad)


def test_bad_probability_is_named() -> None:
    with pytest.raises(InputError, match="probability"):
        CutMix(probability=1.5)
