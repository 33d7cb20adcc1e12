"""AutoAugment (Cubuk et al., 2019): the ops of a learned policy, done by torchvision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from .._common.keyed import torch_generator_kept, torch_seeds
from ._base import Method, Setting, as_float

if TYPE_CHECKING:
    from .._augment.draws import Key


class AutoAugment(Method):
    """Each image gets one of the policy's 25 pairs of ops, each op with its own probability and strength.

    torchvision's transform on Pillow images: what moves pixels takes the nearest one and leaves black outside. It
    draws from torch's generator, which is seeded for each image, so an image depends on its key alone.

    Args:
        policy: "cifar10", "imagenet" or "svhn".
    """

    name = "autoaugment"
    keys = ("image",)
    on_device = False

    def __init__(self, *, policy: str) -> None:
        # Of torchvision's two, v2 takes 60 % of the other's time at 32 px: it makes no table of strengths an image.
        self.transform = v2.AutoAugment(v2.AutoAugmentPolicy(policy))

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        augmented = np.empty(batch.shape, np.uint8)
        with torch_generator_kept():
            for n, seed in enumerate(torch_seeds(key, indices)):
                torch.default_generator.manual_seed(seed)
                augmented[n] = np.asarray(self.transform(Image.fromarray(batch[n])))
        return as_float(augmented)


def make(name: str, setting: Setting) -> Method:
    """AutoAugment with the policy of the settings."""
    return AutoAugment(policy=setting.settings.autoaugment.policy)
