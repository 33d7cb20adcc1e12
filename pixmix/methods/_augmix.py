"""AugMix (Hendrycks et al., 2020): chains of ops, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from mixset._common.kernels import kernel

from .._augment.transfers import carry
from .._common.threads import read_only, run
from .._engines.cuda import augment as augment_tensor, serves
from .._engines.ops import augment
from .._engines.planes import split_planes
from ._augmix_draws import AugMixDraws, draw
from ._base import Method, Setting
from ._chains import add_weighted, lay_over, share_out
from ._jsd import Consistent, Jsd
from ._settings import AugMixSettings

if TYPE_CHECKING:
    from .._augment.draws import Key


_BYTES = 1 << 28
"""Of chains that are made at once on a device; a few times this is the memory at work."""


class AugMix(Method):
    """(1 − m) x + m Σ wᵢ chainᵢ(x), with chains of one to three of PixMix's ops.

    w ~ Dirichlet(alpha) and m ~ Beta(alpha, alpha). The original mixes normalised images; normalisation is affine
    and the weights sum to 1, so to mix before it, as here, gives the same. This is the image alone; the original's
    default is `Consistent` of it, which `make` gives.

    Args:
        settings: AugMix's; the defaults are the original's for CIFAR.
    """

    name = "augmix"
    keys = ("image",)

    def __init__(self, settings: AugMixSettings) -> None:
        self.settings = settings

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        draws = draw(self.settings, key, indices)
        count, height, width = batch.shape[:3]
        result = np.empty((count, 3, height, width), np.float32)
        arguments: list[Any] = [read_only(batch), *draws.arrays(), result]
        run(_mix_range, count, arguments, values=result.size)
        return result

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        if not serves(batch.device):
            mixed = torch.from_numpy(self.augment_array(batch.cpu().numpy(), key, indices))
            return mixed.to(batch.device, memory_format=torch.channels_last)
        draws = draw(self.settings, key, indices)
        count, height, width = batch.shape[:3]
        result = torch.empty(batch.shape, dtype=torch.float32, device=batch.device)
        chunk = max(_BYTES // (self.settings.width * height * width * 3), 1)
        for first in range(0, count, chunk):
            part = slice(first, first + chunk)
            _mix_tensors(batch[part], draws[part], result[part])
        return result.permute(0, 3, 1, 2)


def make(name: str, setting: Setting) -> Method:
    """AugMix with its settings: three views and the Jensen-Shannon term, or, where that weighs nothing, one."""
    settings = setting.settings.augmix
    images = AugMix(settings)
    return Consistent(name, images, Jsd(settings.jsd)) if settings.jsd > 0 else images


def _mix_tensors(images: Tensor, draws: AugMixDraws, mixed: Tensor) -> None:
    """AugMix of images (N, H, W, 3) uint8 into as many float32; all chains go on op by op together."""
    width, depth = draws.op.shape[1:]
    # In the order (chain, image), so that one chain of each image lies as the images do.
    op, level, sign = (array.swapaxes(0, 1).reshape(-1, depth) for array in (draws.op, draws.level, draws.sign))
    chains = images.repeat(width, 1, 1, 1)
    for d in range(depth):
        chains = augment_tensor(chains, op[:, d], level[:, d], sign[:, d])
    sent = carry(images.device, weights=draws.weights.transpose(), share=draws.share)
    lay_over(images, chains.view(width, *mixed.shape), sent["weights"], sent["share"], mixed)


@kernel
def _mix_range(
    first: int,
    last: int,
    images: np.ndarray,
    share: np.ndarray,
    weights: np.ndarray,
    op: np.ndarray,
    level: np.ndarray,
    sign: np.ndarray,
    result: np.ndarray,
) -> None:
    """AugMix of the images from `first` up to `last` into (N, 3, H, W); between them are `AugMixDraws`' fields."""
    height, width = images.shape[1:3]
    clean = np.empty((3, height, width), np.uint8)
    here, there = np.empty((3, height, width), np.uint8), np.empty((3, height, width), np.uint8)
    for n in range(first, last):
        split_planes(images[n], 0, 0, clean)
        out = result[n].reshape(-1)
        out.fill(0)
        for w in range(op.shape[1]):
            chain = clean
            for d in range(op.shape[2]):
                if op[n, w, d] < 0:
                    break
                augment(chain, op[n, w, d], level[n, w, d], sign[n, w, d], there)
                chain = there
                here, there = there, here
            add_weighted(chain.reshape(-1), weights[n, w], out)
        share_out(clean.reshape(-1), share[n], out)
