"""PixPrime: PixMix of one half of the images, PRIME of the other; the augmentation of our own recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._common import philox
from ._base import Method, Setting
from ._composed import key_of_part
from ._mixing import PixMixMethod
from ._prime import Prime

if TYPE_CHECKING:
    from .._augment.draws import Key


class PixPrime(Method):
    """PixMix or PRIME of each image, by a coin for each image and epoch.

    Each makes what it makes alone, with its own settings. One after the other, as `prime+pixmix` has them, they change
    an image more than a small network learns from in few epochs. With `+jsd`, copies toss their coins apart.

    Args:
        pixmix: makes one half of the images.
        prime: makes the other.
    """

    name = "pixprime"
    jsd_weight = 3.0  # at 12, networks that are trained briefly stay unsure of everything
    keys = ("image",)

    def __init__(self, pixmix: Method, prime: Method) -> None:
        self.parts = pixmix, prime

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        made = np.empty((len(batch), 3, *batch.shape[1:3]), np.float32)
        for number, rows in enumerate(_halves(key, indices)):
            made[rows] = self.parts[number].augment_array(batch[rows], key_of_part(key, number), indices[rows])
        return made

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        made = torch.empty((len(batch), 3, *batch.shape[1:3]), device=batch.device)
        made = made.contiguous(memory_format=torch.channels_last)
        for number, rows in enumerate(_halves(key, indices)):
            on_device = torch.from_numpy(rows).to(batch.device)
            part = self.parts[number].augment_tensor(batch[on_device], key_of_part(key, number), indices[rows])
            made[on_device] = part
        return made


def _halves(key: Key, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the images that each of the two methods makes, (n,) int64 each, by a fair coin an image."""
    first = philox.uniforms(key.seed, key.epoch, indices, philox.PIXPRIME, 1)[:, 0] < 0.5
    return np.flatnonzero(first), np.flatnonzero(~first)


def make(name: str, setting: Setting) -> Method:
    """PixPrime with the settings of PixMix and of PRIME.

    Raises:
        InputError: PRIME is to draw for each batch.
    """
    if setting.settings.prime.draws != "image":
        raise InputError(f"method {name}: PRIME makes some images of a batch, so leave `prime.draws` at image")
    pixmix = PixMixMethod("pixmix", settings=setting.settings.mix, pool=setting.pool, engine=setting.engine)
    return PixPrime(pixmix, Prime(setting.settings.prime))
