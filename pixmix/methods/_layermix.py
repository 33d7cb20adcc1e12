"""LayerMix (Ahmad et al., 2025): results of one op mixed with each other and with a mixing image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import PoolLike
from .._common import philox
from .._common.threads import read_only, run
from ._base import Method, Setting
from ._layermix_draws import LayerMixDraws, draw
from ._layermix_kernels import Run, mix_range
from ._settings import LayerMixSettings

if TYPE_CHECKING:
    from .._augment.draws import Key


class LayerMix(Method):
    """f(x), or mix(f(x), f(x)), or f(mix(mix(f(x), f(x)), mixing image)), each in a third of the draws.

    f is one op of 12, the same throughout, whose strength is drawn anew each time. Mixings add or multiply as PixMix's
    do, or take some pixels, or some of their channels, from the second image; all is clipped to [0, 1]. It is the
    method of the authors' pseudo-code and of their released class, where it is called laddermix.

    Args:
        settings: LayerMix's.
        pool: of mixing images.
    """

    name = "layermix"
    keys = ("image",)

    def __init__(self, settings: LayerMixSettings, pool: PoolLike) -> None:
        self.settings, self.pool = settings, pool

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        height, width = batch.shape[1:3]
        if tuple(self.pool.size) != (height, width):
            h, w = self.pool.size
            raise InputError(f"mixing set: is opened for images of {h}×{w} pixels, got {height}×{width}")
        indices = philox.check_indices(indices)
        draws = draw(self.settings, key, indices, self.pool, (height, width))
        result = np.empty((len(batch), 3, height, width), np.float32)
        fields = LayerMixDraws(*map(np.ascontiguousarray, draws))
        common = Run(np.uint64(key.seed), np.uint64(key.epoch), self.settings.grey)
        arguments: list[Any] = [read_only(batch), read_only(self.pool.images), indices, common, fields, result]
        run(mix_range, len(batch), arguments, values=result.size)
        return result

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        """By the CPU, with a copy there and back for other devices, which are waited for."""
        mixed = torch.from_numpy(self.augment_array(batch.cpu().numpy(), key, indices))
        return mixed.to(batch.device, memory_format=torch.channels_last)


def make(name: str, setting: Setting) -> Method:
    """LayerMix with its settings."""
    assert setting.pool is not None  # `METHODS` says that it needs one
    return LayerMix(setting.settings.layermix, setting.pool)
