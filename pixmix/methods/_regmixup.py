"""RegMixup (Pinto et al., 2022): the images as they are, and beside them the batch mixed with itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey
from ._batches import Mixup

ALPHA_FEW, ALPHA_MANY = 20.0, 10.0
"""The authors' for CIFAR-10, and for CIFAR-100 and ImageNet."""
FEW = 10
"""Classes, at most."""


class RegMixup(Method):
    """Mixup as a second term: the network sees x and lambda x + (1 - lambda) x[pi], with lambda near a half.

    lambda ~ Beta(alpha, alpha), one for each batch, as the permutation is. The loss is the mean over all 2 N rows,
    which is half the cross entropy of the images and half Mixup's; the paper's formula reads as their sum, its code
    takes the mean.

    Args:
        alpha: of the Beta distribution, above 0.
    """

    name = "regmixup"
    batch_views = 2
    keys = ("step",)

    def __init__(self, *, alpha: float) -> None:
        self.mixup = Mixup(alpha=alpha)

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        return self.mixup.draw(key, count, size)

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        mixed, soft = self.mixup.change(images, labels, draws=draws, network=network, classes=classes)
        own = torch.zeros_like(soft).scatter_(1, labels[:, None], 1)  # one_hot would wait for the device
        return torch.cat([images, mixed]), torch.cat([own, soft])


def make(name: str, setting: Setting) -> Method:
    """RegMixup with its authors' alpha for so many classes, or the settings'."""
    chosen = setting.settings.regmixup.alpha
    return RegMixup(alpha=chosen or (ALPHA_FEW if setting.classes <= FEW else ALPHA_MANY))
