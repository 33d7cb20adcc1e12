"""RegMixup (Pinto et al., 2022): the images as they are, and beside them the batch mixed with itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._base import Method, Setting, StepKey
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

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        mixed, soft = self.mixup.batch(images, labels, network=network, key=key, classes=classes)
        own = functional.one_hot(labels, classes).to(soft.dtype)
        return torch.cat([images, mixed]), torch.cat([own, soft])


def make(name: str, setting: Setting) -> Method:
    """RegMixup with its authors' alpha for so many classes, or the settings'."""
    chosen = setting.settings.regmixup.alpha
    return RegMixup(alpha=chosen or (ALPHA_FEW if setting.classes <= FEW else ALPHA_MANY))
