"""APR, amplitude-phase recombination (Chen et al., 2021), of two copies of an image or of the images of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .._common import philox
from .._common.philox import Key
from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey, as_images
from ._fourier import recombine, recombine_bytes
from ._pair_draws import PairDraws, draw_pairs, draw_partners, make_pairs

SMALL = 64
"""Side up to which the authors' choices for CIFAR hold; above, those for ImageNet."""


class APRSingle(Method):
    """APR-S: an op, and by a coin another on top of it; then the amplitudes of one with the phases of the other.

    Args:
        severity: highest level of the ops, which are AugMix's nine.
        wrap: take values that leave the bytes modulo 256, as the authors' code does.
    """

    name = "apr-s"
    keys = ("image",)

    def __init__(self, *, severity: float = 3.0, wrap: bool = False) -> None:
        self.severity, self.wrap = severity, wrap

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        draws = draw_pairs(key, indices, stream=philox.APR, severity=self.severity)
        return as_images(recombine_pairs(batch, draws, wrap=self.wrap))


def recombine_pairs(batch: Tensor, draws: PairDraws, *, wrap: bool) -> Tensor:
    """APR-S of images, (N, H, W, 3) uint8 to the same: the amplitudes are the first copy's, unless exchanged."""
    pairs = make_pairs(batch, draws)
    return pairs.with_mixed(recombine_bytes(pairs.one, pairs.other, wrap=wrap))


class APRPaired(Method):
    """APR-P: the network sees a batch, and it again with amplitudes of other images; the phases keep the label.

    A coin for each batch decides; without it the second half is the first. The loss is the sum of the two halves'
    cross entropies, as published, and so are its gradients: twice those of a mean. Nothing is cut off at 0 and 1.

    Args:
        probability: of a batch to get other amplitudes.
        normaliser: mean and std, per channel, to recombine normalised images, as on ImageNet; None for images in
            [0, 1], as on CIFAR. The transform runs over the channels, too, so that the results differ.
    """

    name = "apr-p"
    keys = ("step",)
    batch_views = 2
    in_graph = True

    def __init__(self, *, probability: float = 0.6, normaliser: tuple[Sequence[float], Sequence[float]] | None) -> None:
        self.probability, self.normaliser = probability, normaliser

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        return self.draw_numbered(key, count, 0)

    def draw_numbered(self, key: StepKey, count: int, number: int) -> StepDraws:
        """The draws of the step's first pairing, or of its second."""
        partner = draw_partners(key, count, probability=self.probability, number=number)
        if partner is None:
            return StepDraws(form="as it is")
        values = {"partner": partner}
        if self.normaliser is not None:
            for name, part in zip(("mean", "std"), self.normaliser, strict=True):
                values[name] = np.array(part, np.float32).reshape(-1, 1, 1)
        return StepDraws(values, form="mixed")

    @torch.no_grad()
    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        mixed = images if draws.form == "as it is" else recombine_partners(images, draws.values)
        return torch.cat([images, mixed]), labels.repeat(2)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return summed_loss(logits, targets)


def recombine_partners(images: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """APR-P of a batch that has partners: (N, 3, H, W) float32 in [0, 1] to the same, but not within it."""
    partner = drawn["partner"]
    if "mean" not in drawn:
        return recombine(images[partner], images)
    normalised = (images - drawn["mean"]) / drawn["std"]
    return recombine(normalised[partner], normalised) * drawn["std"] + drawn["mean"]


def summed_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """The cross entropy of the first half of the rows and that of the second, added, as published."""
    return 2 * functional.cross_entropy(logits, targets)


def make_paired(setting: Setting) -> APRPaired:
    """APR-P with what the authors have for images of this size, or the settings."""
    chosen, small = setting.settings.apr, max(setting.size) <= SMALL
    normalised = not small if chosen.normalised is None else chosen.normalised
    probability = (0.6 if small else 0.5) if chosen.probability is None else chosen.probability
    return APRPaired(probability=probability, normaliser=(setting.mean, setting.std) if normalised else None)


def make(name: str, setting: Setting) -> Method:
    """APR-S or APR-P."""
    if name == "apr-p":
        return make_paired(setting)
    return APRSingle(severity=setting.settings.apr.severity, wrap=setting.settings.apr.wrap)
