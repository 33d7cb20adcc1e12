"""HybridAugment and HybridAugment++ (Yucel et al., 2023): what is coarse in one image with what is fine in another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common import philox
from .._common.philox import Key
from ._apr import SMALL, APRPaired, make_paired, recombine_pairs, recombine_partners, summed_loss
from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey, as_images
from ._fourier import blur, to_bytes
from ._pair_draws import draw_pairs, draw_partners, make_pairs

SIDE, SIGMA = 3, 0.5
"""Of the blur: the kernel's side, in pixels, and its deviation."""


@dataclass(frozen=True)
class Blur:
    """A Gaussian blur."""

    side: int
    """Of its kernel, odd."""
    sigma: float
    """In pixels."""

    def __call__(self, images: Tensor) -> Tensor:
        """What is coarse in images (N, C, H, W) float."""
        return blur(images, side=self.side, sigma=self.sigma)


class HybridSingle(Method):
    """HA-S: an op, and by a coin another on top of it; then the blur of one and what the blur takes from the other.

    HA++-S: what is coarse has gone through APR-S, which begins with an op of its own. The authors' code does so with
    both copies and leaves one aside; here the one that is used, from the same distribution.

    Args:
        name: the method's.
        low: the blur.
        wrap: take values that leave the bytes modulo 256, as the authors' code does.
        plus: HA++-S.
    """

    keys = ("image",)

    def __init__(self, name: str, *, severity: float, low: Blur, wrap: bool, plus: bool) -> None:
        self.name, self.severity, self.low, self.wrap, self.plus = name, severity, low, wrap, plus

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        draws = draw_pairs(key, indices, stream=philox.HYBRID, severity=self.severity)
        pairs = make_pairs(batch, draws)
        whose = indices[draws.both]
        coarse = self.low(as_images(pairs.one))
        if self.plus and len(whose):
            inner = draw_pairs(key, whose, stream=philox.HYBRID, severity=self.severity, number=1)
            values = to_bytes(coarse.permute(0, 2, 3, 1) * 255, wrap=self.wrap)
            coarse = as_images(recombine_pairs(values, inner, wrap=self.wrap))
        fine = as_images(pairs.other)
        mixed = (coarse + (fine - self.low(fine))) * 255
        return as_images(pairs.with_mixed(to_bytes(mixed.permute(0, 2, 3, 1), wrap=self.wrap)))


class HybridPaired(Method):
    """HA-P: the network sees a batch, and each image's blur with what is fine in another; the blur keeps the label.

    HA++-P: the blurs have gone through APR-P first, with a coin and partners of their own. A coin for each batch
    decides; without it the second half is the first. The loss is the sum of the two halves' cross entropies, as
    published, and so are its gradients: twice those of a mean. Nothing is cut off at 0 and 1.

    Args:
        name: the method's.
        low: the blur.
        probability: of a batch to be mixed.
        inner: what the blurs go through, for HA++-P.
    """

    keys = ("step",)
    batch_views = 2
    in_graph = True

    def __init__(self, name: str, *, low: Blur, probability: float, inner: APRPaired | None) -> None:
        self.name, self.low, self.probability, self.inner = name, low, probability, inner

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        partner = draw_partners(key, count, probability=self.probability)
        if partner is None:
            return StepDraws(form="as it is")
        if self.inner is None:
            return StepDraws({"fine": partner}, form="mixed")
        inner = self.inner.draw_numbered(key, count, 1)
        return StepDraws({"fine": partner, **inner.values}, form=("mixed", inner.form))

    @torch.no_grad()
    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        mixed = images if draws.form == "as it is" else self._mixed(images, draws.values)
        return torch.cat([images, mixed]), labels.repeat(2)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return summed_loss(logits, targets)

    def _mixed(self, images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
        coarse = self.low(images)
        fine = (images - coarse)[drawn["fine"]]
        return fine + (recombine_partners(coarse, drawn) if "partner" in drawn else coarse)


def make(name: str, setting: Setting) -> Method:
    """HA-S, HA-P, HA++-S or HA++-P.

    Raises:
        InputError: a blur that is larger than the images.
    """
    chosen, small = setting.settings.hybridaugment, max(setting.size) <= SMALL
    side, sigma = SIDE * chosen.blur, SIGMA * chosen.blur
    if side // 2 >= min(setting.size):
        height, width = setting.size
        raise InputError(f"hybridaugment.blur: {chosen.blur} reaches over images of {height}x{width} pixels")
    plus = name.startswith("hybridaugmentpp")
    if name.endswith("-s"):
        return HybridSingle(name, severity=chosen.severity, low=Blur(side, sigma), wrap=chosen.wrap, plus=plus)
    # The authors' code for ImageNet blurs twice as wide here.
    low = Blur(side, sigma if small else 2 * sigma)
    return HybridPaired(name, low=low, probability=chosen.probability, inner=make_paired(setting) if plus else None)
