"""IPMix (Huang et al., 2023): chains of ops and chains of mixed patches, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import PoolLike
from .._augment.residents import Residents
from .._common import philox
from .._common.threads import read_only, run
from .._engines.cuda import serves
from ._base import Method, Setting
from ._ipmix_draws import IPMixDraws, draw
from ._ipmix_kernels import Run, mix_range
from ._ipmix_tensors import mix_tensors
from ._settings import IPMixSettings

if TYPE_CHECKING:
    from .._augment.draws import Key


_BYTES = 1 << 28
"""Of chains that are made at once on a device; a few times this is the memory at work."""


class IPMix(Method):
    """(1 − m) x + m Σ wᵢ chainᵢ(x); a chain is none to three ops, or none to three patches mixed with a mixing image.

    w ~ Dirichlet(1) and m ~ U(0, 1). A patch is added to or multiplied with the same place of the mixing image, as
    PixMix does it with whole images, or takes some of its pixels, or of their channels, from there; then it is bytes
    again, as in the original. The original is trained with three views and the Jensen-Shannon term: `ipmix+jsd`.

    Args:
        settings: IPMix's; the defaults are the original's for CIFAR, but for its bytes that wrap around.
        pool: of mixing images.
    """

    name = "ipmix"
    keys = ("image",)

    def __init__(self, settings: IPMixSettings, pool: PoolLike) -> None:
        self.settings, self.pool = settings, pool
        self._residents = Residents()

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        draws = self._draw(batch.shape[1:3], key, indices)
        result = np.empty((len(batch), 3, *batch.shape[1:3]), np.float32)
        fields = IPMixDraws(*map(np.ascontiguousarray, draws))
        common = Run(np.uint64(key.seed), np.uint64(key.epoch), self.settings.wrap)
        indices = philox.check_indices(indices)
        arguments: list[Any] = [read_only(batch), read_only(self.pool.images), indices, common, fields, result]
        run(mix_range, len(batch), arguments, values=result.size)
        return result

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        if not serves(batch.device):
            mixed = torch.from_numpy(self.augment_array(batch.cpu().numpy(), key, indices))
            return mixed.to(batch.device, memory_format=torch.channels_last)
        count, height, width = batch.shape[:3]
        draws, pool = self._draw((height, width), key, indices), self._residents.get(self.pool.images, batch.device)
        result = torch.empty(batch.shape, dtype=torch.float32, device=batch.device)
        chunk = max(_BYTES // (self.settings.width * height * width * 3), 1)
        for first in range(0, count, chunk):
            part = slice(first, first + chunk)
            some = draws.of(part)
            crops = pool.crops(some.image, some.top, some.left, (height, width))
            mix_tensors(batch[part], crops, some, result[part], key=key, indices=indices[part], wrap=self.settings.wrap)
        return result.permute(0, 3, 1, 2)

    def _draw(self, size: tuple[int, ...], key: Key, indices: np.ndarray) -> IPMixDraws:
        height, width = size
        if tuple(self.pool.size) != (height, width):
            h, w = self.pool.size
            raise InputError(f"mixing set: is opened for images of {h}×{w} pixels, got {height}×{width}")
        return draw(self.settings, key, indices, self.pool, (height, width))


def make(name: str, setting: Setting) -> Method:
    """IPMix with its settings."""
    assert setting.pool is not None  # `METHODS` says that it needs one
    return IPMix(setting.settings.ipmix, setting.pool)
