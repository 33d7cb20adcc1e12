"""Noise2Net (Hendrycks et al., 2021): a part of each batch goes through networks of fresh random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .._common import keyed
from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey
from ._settings import Noise2NetSettings

SHAPES = 1
"""What the epoch's generator is for; that of a step, number 0, draws weights."""

Shape = tuple[int, int]
"""Side and dilation of a convolution."""


@dataclass(frozen=True)
class Block:
    """The weights of a Res2Net bottleneck for each of N images, on S scales of C channels."""

    enter: Tensor
    """(N, S · C, 3): 1×1."""
    inner: Sequence[Tensor]
    """S − 1 of (N, C, C, k, k)."""
    dilations: Sequence[int]
    """Of the inner ones."""
    leave: Tensor
    """(N, 3, S · C): 1×1."""


class Noise2Net(Method):
    """x + epsilon block(x), several blocks deep, on the first images of each batch; "Noise2Net" in Table 7.

    Each image of each batch has weights of its own, drawn as nn.Conv2d draws them; sides and dilations of the inner
    convolutions are drawn once an epoch, epsilon once a batch. It works on normalised images and nothing is cut
    off, as in the original (hendrycks/imagenet-r), so the result may leave [0, 1].

    Args:
        mean, std: the normaliser's, per channel, in units of [0, 1] images.
        settings: epsilon, the network's size, and share.
    """

    name = "noise2net"
    keys = ("step",)

    def __init__(
        self, *, mean: Sequence[float], std: Sequence[float], settings: Noise2NetSettings | None = None
    ) -> None:
        self.settings = settings or Noise2NetSettings()
        self.mean, self.std = (np.array(values, np.float32).reshape(-1, 1, 1) for values in (mean, std))

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        shapes = tuple(map(tuple, epoch_shapes(self.settings, key)))
        return StepDraws({"mean": self.mean, "std": self.std}, form=shapes, noise=True)

    @torch.no_grad()
    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        assert draws.random is not None
        count = round(self.settings.share * len(images))
        changed = images.clone()
        if count == 0:
            return changed, labels
        random, mean, std = draws.random, draws.values["mean"], draws.values["std"]
        low, high = self.settings.epsilon
        epsilon = low + (high - low) * torch.rand((), generator=random, device=images.device)
        with torch.autocast(images.device.type, enabled=False):
            normalised = ((images[:count] - mean) / std).contiguous()
            for shapes in cast(Sequence[Sequence[Shape]], draws.form):
                block = draw_block(count, shapes, self.settings, random)
                normalised += epsilon * run_block(block, normalised)
            changed[:count] = normalised * std + mean
        return changed, labels


def epoch_shapes(settings: Noise2NetSettings, key: StepKey) -> list[list[Shape]]:
    """Side (1 or 3) and dilation (1, 2 or 3) of each block's inner convolutions, a function of seed and epoch."""
    random = keyed.generator(replace(key, step=0, rank=0), torch.device("cpu"), purpose=SHAPES)
    draws = torch.randint(6, (settings.blocks, settings.scale - 1), generator=random).tolist()
    return [[((1, 3)[draw % 2], 1 + draw // 2) for draw in block] for block in draws]


def draw_block(count: int, shapes: Sequence[Shape], settings: Noise2NetSettings, random: torch.Generator) -> Block:
    """Weights for `count` images, on the generator's device: uniform within 1 / sqrt(fan in), as in nn.Conv2d.

    The original's inner convolutions have biases, which the normalisation behind them takes out again.
    """

    def draw(*shape: int) -> Tensor:
        uniforms = torch.rand((count, *shape), generator=random, device=random.device)
        return (2 * uniforms - 1) / math.sqrt(math.prod(shape[1:]))

    hidden, all_scales = settings.hidden, settings.hidden * settings.scale
    return Block(
        enter=draw(all_scales, 3),
        inner=[draw(hidden, hidden, side, side) for side, _ in shapes],
        dilations=[dilation for _, dilation in shapes],
        leave=draw(3, all_scales),
    )


def run_block(block: Block, images: Tensor) -> Tensor:
    """A Res2Net bottleneck, each image through its own: (N, 3, H, W) contiguous to the same shape.

    Batch normalisation of a batch of one image is that of each channel over its pixels. A 1×1 convolution is a
    matrix product; the others run as one grouped convolution of a single image with N · C channels.
    """
    count, _, height, width = images.shape
    scales = functional.instance_norm((block.enter @ images.flatten(2)).unflatten(2, (height, width))).relu_()
    *parts, last = scales.chunk(len(block.inner) + 1, dim=1)
    results: list[Tensor] = []
    for part, weights, dilation in zip(parts, block.inner, block.dilations, strict=True):
        # Each scale also sees what the one before it made.
        part = part + results[-1] if results else part
        padding = dilation * (weights.shape[-1] // 2)
        together = functional.conv2d(
            part.reshape(1, -1, height, width), weights.flatten(0, 1), padding=padding, dilation=dilation, groups=count
        )
        results.append(functional.instance_norm(together.view_as(part)).relu_())
    leaving = block.leave @ torch.cat([*results, last], dim=1).flatten(2)
    return functional.instance_norm(leaving.unflatten(2, (height, width)))


def make(name: str, setting: Setting) -> Method:
    """Noise2Net for a data set."""
    return Noise2Net(mean=setting.mean, std=setting.std, settings=setting.settings.noise2net)
