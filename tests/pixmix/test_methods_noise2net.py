"""Noise2Net beside torch's own modules, image by image, and the laws of what it draws."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from pixmix._common import keyed
from pixmix.methods import make_method
from pixmix.methods._base import StepKey
from pixmix.methods._noise2net import Block, draw_block, epoch_shapes, run_block
from pixmix.methods._settings import MethodSettings, Noise2NetSettings

KEY = StepKey(seed=3, epoch=1, step=0)
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)

pytestmark = pytest.mark.usefixtures("one_thread")


def run(images: torch.Tensor, key: StepKey = KEY, **settings: Any) -> torch.Tensor:
    method = make_method(
        "noise2net",
        classes=4,
        size=(8, 8),
        mean=MEAN,
        std=STD,
        settings=MethodSettings(noise2net=Noise2NetSettings(**settings)),
    )
    labels = torch.arange(len(images)) % 4
    changed, targets = method.batch(images, labels, network=nn.Identity(), key=key, classes=4)
    assert targets is labels
    return changed


def conv(weight: torch.Tensor, *, dilation: int = 1) -> nn.Conv2d:
    """nn.Conv2d with the weight of one image."""
    outputs, inputs, side, _ = weight.shape
    module = nn.Conv2d(inputs, outputs, side, padding=dilation * (side - 1) // 2, dilation=dilation, bias=False)
    module.weight.data.copy_(weight)
    return module


def norm(x: torch.Tensor) -> torch.Tensor:
    return nn.BatchNorm2d(x.shape[1]).train()(x)


def plain_block(block: Block, index: int, image: torch.Tensor) -> torch.Tensor:
    """The bottleneck of one image (1, 3, H, W), as the Res2Net paper has it."""
    x = norm(conv(block.enter[index][..., None, None])(image)).relu()
    parts = list(x.split(x.shape[1] // (len(block.inner) + 1), dim=1))
    results: list[torch.Tensor] = []
    for number, (weights, dilation) in enumerate(zip(block.inner, block.dilations, strict=True)):
        given = parts[number] if number == 0 else parts[number] + results[-1]
        results.append(norm(conv(weights[index], dilation=dilation)(given)).relu())
    return norm(conv(block.leave[index][..., None, None])(torch.cat([*results, parts[-1]], 1)))


@pytest.mark.parametrize(("hidden", "scale", "size"), [(16, 4, (12, 12)), (5, 2, (9, 16)), (3, 6, (7, 5))])
@torch.no_grad()
def test_a_block_is_torchs_modules_for_each_image(hidden: int, scale: int, size: tuple[int, int]) -> None:
    settings = Noise2NetSettings(hidden=hidden, scale=scale)
    shapes = [((1, 3)[n % 2], 1 + n % 3) for n in range(1, scale)]
    block = draw_block(5, shapes, settings, torch.Generator().manual_seed(0))
    images = torch.randn(5, 3, *size)
    plain = torch.cat([plain_block(block, index, images[index : index + 1]) for index in range(5)])
    torch.testing.assert_close(run_block(block, images), plain, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_the_whole_is_blocks_on_normalised_images() -> None:
    images, settings = torch.rand(6, 3, 10, 10), Noise2NetSettings(hidden=4)
    changed = run(images, hidden=4)
    random = keyed.generator(KEY, torch.device("cpu"))
    epsilon = 0.375 + 0.375 * torch.rand((), generator=random)
    blocks = [draw_block(3, shapes, settings, random) for shapes in epoch_shapes(settings, KEY)]
    assert len(blocks) == 4
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    for index in range(3):
        x = (images[index : index + 1] - mean) / std
        for block in blocks:
            x = x + epsilon * plain_block(block, index, x)
        torch.testing.assert_close(changed[index], (x * std + mean)[0], atol=2e-5, rtol=1e-4)
    assert torch.equal(changed[3:], images[3:])
    assert changed.min() < 0 and changed.max() > 1  # nothing is cut off


def test_weights_are_those_of_a_fresh_conv2d() -> None:
    torch.manual_seed(0)
    block = draw_block(200, [(3, 1), (1, 2), (3, 3)], Noise2NetSettings(hidden=6), torch.Generator().manual_seed(0))
    shapes = [(24, 3, 1, 1), (6, 6, 3, 3), (6, 6, 1, 1), (6, 6, 3, 3), (3, 24, 1, 1)]
    for weights, (outputs, inputs, side, _) in zip([block.enter, *block.inner, block.leave], shapes, strict=True):
        assert weights[0].numel() == outputs * inputs * side**2
        bound = 1 / math.sqrt(inputs * side**2)
        assert stats.kstest(weights.flatten().numpy(), stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
        torchs = nn.Conv2d(inputs, outputs, side).weight.detach().abs().max().item()
        assert 0.9 * bound < torchs <= bound


def test_sides_and_dilations_are_drawn_once_an_epoch() -> None:
    settings = Noise2NetSettings()
    first = epoch_shapes(settings, KEY)
    assert [len(block) for block in first] == [3] * 4
    assert epoch_shapes(settings, dataclasses.replace(KEY, step=7, rank=2)) == first
    assert epoch_shapes(settings, dataclasses.replace(KEY, epoch=2)) != first
    assert epoch_shapes(settings, dataclasses.replace(KEY, seed=4)) != first
    epochs = [epoch_shapes(settings, StepKey(seed=0, epoch=n, step=0)) for n in range(200)]
    drawn = [shape for blocks in epochs for block in blocks for shape in block]
    counts = {shape: drawn.count(shape) for shape in set(drawn)}
    assert set(counts) == {(side, dilation) for side in (1, 3) for dilation in (1, 2, 3)}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_epsilon_is_one_a_batch_and_uniform() -> None:
    """A block's output has variance 1 in each channel, so with one block the change's deviation is epsilon."""
    images, found = torch.rand(4, 3, 8, 8), []
    for step in range(150):
        changed = run(images, dataclasses.replace(KEY, step=step), blocks=1, hidden=4, share=1.0)
        deviations = (changed - images).flatten(2).std(2, correction=0) / torch.tensor(STD)
        torch.testing.assert_close(deviations, deviations[0, 0].expand_as(deviations), atol=1e-3, rtol=1e-3)
        found.append(deviations.mean().item())
    assert stats.kstest(found, stats.uniform(0.375, 0.375).cdf).pvalue > 1e-3
    assert torch.allclose(run(images, epsilon=(0.0, 0.0)), images, atol=1e-6)


def test_each_image_and_each_step_has_weights_of_its_own() -> None:
    images = torch.rand(1, 3, 8, 8).expand(6, 3, 8, 8)
    first = run(images, share=1.0)
    for index in range(5):
        assert (first[index] - first[index + 1]).abs().mean() > 0.05
    assert (run(images, dataclasses.replace(KEY, step=1), share=1.0) - first).abs().mean() > 0.05


@pytest.mark.parametrize(("count", "share", "changed"), [(10, 0.5, 5), (10, 0.0, 0), (10, 1.0, 10), (1, 0.5, 0)])
def test_the_first_part_of_the_batch_goes_through(count: int, share: float, changed: int) -> None:
    images = torch.rand(count, 3, 8, 8)
    different = (run(images, hidden=4, share=share) != images).flatten(1).any(1)
    assert different.tolist() == [True] * changed + [False] * (count - changed)


def test_is_a_function_of_seed_epoch_step_and_rank() -> None:
    images = torch.rand(8, 3, 8, 8)
    before, state = images.clone(), torch.get_rng_state()
    first = run(images)
    assert first.dtype == torch.float32
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(run(images), first)
    channels_last = run(images.to(memory_format=torch.channels_last))
    assert channels_last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(channels_last, first)
    for other in ({"seed": 4}, {"epoch": 2}, {"step": 1}, {"rank": 1}):
        assert not torch.equal(run(images, dataclasses.replace(KEY, **other)), first)
    assert np.isfinite(run(torch.zeros(4, 3, 8, 8)).numpy()).all()  # a constant image has no variance
