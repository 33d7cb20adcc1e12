"""AugMix (Hendrycks et al., 2020): chains of ops, averaged, and predictions that are made to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mixset._common.kernels import kernel

from .._augment.transfers import carry
from .._common.threads import read_only, run
from .._engines.cuda import augment as augment_tensor, serves
from .._engines.ops import augment
from .._engines.planes import split_planes, to_float
from ._augmix_draws import AugMixDraws, draw
from ._base import Method, Setting
from ._settings import AugMixSettings

if TYPE_CHECKING:
    from .._augment.draws import Key


_BYTES = 1 << 28
"""Of chains that are made at once on a device; a few times this is the memory at work."""


class AugMix(Method):
    """(1 − m) x + m Σ wᵢ chainᵢ(x), with chains of one to three of PixMix's ops.

    w ~ Dirichlet(alpha) and m ~ Beta(alpha, alpha). The original mixes normalised images; normalisation is affine
    and the weights sum to 1, so to mix before it, as here, gives the same.

    With the Jensen-Shannon term (the original's default) the network sees each image as it is and two mixed copies
    with draws of their own; the labels count for the first view alone. Without it, one mixed copy.

    Args:
        settings: AugMix's; the defaults are the original's for CIFAR.
    """

    name = "augmix"
    keys = ("image",)
    in_graph = True

    def __init__(self, settings: AugMixSettings) -> None:
        self.settings = settings
        self.copies = 2 if settings.jsd > 0 else 1
        self.views = 3 if settings.jsd > 0 else 1

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        draws = draw(self.settings, key, indices, copies=self.copies)
        count, height, width = batch.shape[:3]
        result = np.empty((self.views, count, 3, height, width), np.float32)
        arguments: list[Any] = [read_only(batch), *draws.arrays(), result]
        run(_mix_range, count, arguments, values=result.size)
        return result.reshape(-1, 3, height, width)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        if not serves(batch.device):
            mixed = torch.from_numpy(self.augment_array(batch.cpu().numpy(), key, indices))
            return mixed.to(batch.device, memory_format=torch.channels_last)
        draws = draw(self.settings, key, indices, copies=self.copies)
        count, height, width = batch.shape[:3]
        result = torch.empty((self.views, *batch.shape), dtype=torch.float32, device=batch.device)
        if self.views > self.copies:
            torch.div(batch, 255, out=result[0])
        chunk = max(_BYTES // (self.copies * self.settings.width * height * width * 3), 1)
        for first in range(0, count, chunk):
            part = slice(first, first + chunk)
            _mix_tensors(batch[part], draws[part], result[-self.copies :, part])
        return result.flatten(0, 1).permute(0, 3, 1, 2)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The cross entropy of the images as they are, and `jsd` times how far the views' predictions differ."""
        if self.views == 1:
            return super().loss(logits, targets)
        views = logits.view(self.views, -1, logits.shape[1])
        return functional.cross_entropy(views[0], targets) + self.settings.jsd * jensen_shannon(views)


def jensen_shannon(logits: Tensor) -> Tensor:
    """The mean over views and images of KL(p ‖ M), where M is the views' mean prediction, at least 1e-7.

    Args:
        logits: (V, N, classes).
    """
    # From logarithms: that of a probability which is 0 in float32 would make the gradient NaN.
    logs = functional.log_softmax(logits, dim=2)
    shares = logs.exp()
    mean = shares.mean(dim=0).clamp(1e-7, 1).log()
    return (shares * (logs - mean)).sum(dim=2).mean()


def make(name: str, setting: Setting) -> Method:
    """AugMix with its settings."""
    return AugMix(setting.settings.augmix)


def _mix_tensors(images: Tensor, draws: AugMixDraws, mixed: Tensor) -> None:
    """The copies of N images (N, H, W, 3) uint8 into (C, N, H, W, 3) float32; all chains go on op by op together."""
    copies, width, depth = draws.op.shape[1:]
    # In the order (chain, copy, image), so that one chain of each copy lies as the copies do.
    op, level, sign = (array.transpose(2, 1, 0, 3).reshape(-1, depth) for array in (draws.op, draws.level, draws.sign))
    chains = images.repeat(width * copies, 1, 1, 1)
    for d in range(depth):
        chains = augment_tensor(chains, op[:, d], level[:, d], sign[:, d])
    sent = carry(images.device, weights=draws.weights.transpose(2, 1, 0), share=draws.share.transpose())
    mixed.zero_()
    for chain, weights in zip(chains.view(width, *mixed.shape), sent["weights"], strict=True):
        mixed += weights[..., None, None, None] * (chain / 255)
    share = sent["share"][..., None, None, None]
    mixed.mul_(share).add_((1 - share) * (images / 255)).clamp_(max=1)


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
    """AugMix of the images from `first` up to `last` into (V, N, 3, H, W); between them are `AugMixDraws`' fields."""
    height, width = images.shape[1:3]
    clean = np.empty((3, height, width), np.uint8)
    here, there = np.empty((3, height, width), np.uint8), np.empty((3, height, width), np.uint8)
    copies = op.shape[1]
    views = result.shape[0]
    for n in range(first, last):
        split_planes(images[n], 0, 0, clean)
        if views > copies:
            to_float(clean.reshape(-1), result[0, n].reshape(-1))
        for c in range(copies):
            out = result[views - copies + c, n].reshape(-1)
            out.fill(0)
            for w in range(op.shape[2]):
                chain = clean
                for d in range(op.shape[3]):
                    if op[n, c, w, d] < 0:
                        break
                    augment(chain, op[n, c, w, d], level[n, c, w, d], sign[n, c, w, d], there)
                    chain = there
                    here, there = there, here
                _add(chain.reshape(-1), weights[n, c, w], out)
            _share_out(clean.reshape(-1), share[n, c], out)


@kernel
def _add(values: np.ndarray, weight: np.float32, total: np.ndarray) -> None:
    for i in range(total.size):
        total[i] += weight * (np.float32(values[i]) / np.float32(255))


@kernel
def _share_out(values: np.ndarray, share: np.float32, mixture: np.ndarray) -> None:
    """(1 − share) · values + share · mixture, in place; weights that sum to 1 but for rounding may exceed it."""
    rest = np.float32(1) - share
    for i in range(mixture.size):
        mixed = rest * (np.float32(values[i]) / np.float32(255)) + share * mixture[i]
        mixture[i] = min(mixed, np.float32(1))
