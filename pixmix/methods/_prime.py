"""PRIME (Modas et al., 2022): chains of random filters, colour curves and displacements, averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .._common import philox
from .._common.threads import read_only, run
from ._base import Method, Setting, StepKey, as_float, as_images
from ._prime_draws import PrimeDraws, draw
from ._prime_fields import sines
from ._prime_kernels import mix_range
from ._prime_tensors import mix_tensors
from ._settings import PrimeSettings

if TYPE_CHECKING:
    from .._augment.draws import Key


class Prime(Method):
    """(1 − m) x + m Σ wᵢ chainᵢ(x), with three chains of one to three primitives; "PRIME: A few primitives can boost
    robustness to common corruptions" (ECCV 2022).

    w ~ Dirichlet(1, 1, 1) and m ~ Beta(1, 1). Each step of a chain is a random 3 × 3 filter, a random colour curve (a
    sum of sines) or a random smooth displacement, each with a strength of its own. The authors draw strengths and
    displacements once for a batch, as `PrimeOfBatches` does; an image's distribution is the same.

    Args:
        settings: PRIME's; the defaults are its authors' for images of that size.
    """

    name = "prime"
    keys = ("image",)

    def __init__(self, settings: PrimeSettings) -> None:
        self.settings = settings

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return mix_arrays(as_float(batch), draw(self.settings, (batch.shape[1], batch.shape[2]), key, indices))

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        return mix_tensors(as_images(batch), draw(self.settings, (batch.shape[1], batch.shape[2]), key, indices))


class PrimeOfBatches(Method):
    """PRIME as published: strengths and displacements are drawn once for each step of a batch's chains.

    Which primitives an image gets, its weights, its filters and its colour curves are its own all the same. It acts on
    the batch on the device, before any other method of batches.

    Args:
        settings: PRIME's.
    """

    name = "prime"
    keys = ("step",)

    def __init__(self, settings: PrimeSettings) -> None:
        self.settings = settings

    @torch.no_grad()
    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        draws = draw(self.settings, (images.shape[2], images.shape[3]), _key_of_step(key), np.arange(len(images)))
        if images.device.type == "cpu":
            return torch.from_numpy(mix_arrays(images.float().numpy(), draws)), labels
        return mix_tensors(images.float(), draws), labels


def mix_arrays(images: np.ndarray, draws: PrimeDraws) -> np.ndarray:
    """PRIME of images (N, 3, H, W) float32 as their draws say."""
    result = np.empty(images.shape, np.float32)
    tables = (read_only(sines(side)) for side in images.shape[2:])
    run(mix_range, len(images), [read_only(images), draws, *tables, result], values=result.size)
    return result


def _key_of_step(key: StepKey) -> philox.Key:
    """A key of each step and process, under which the rows of the batch are indices."""
    step = philox.words(
        philox.Key(key.seed, key.epoch), np.array([key.step]), philox.PRIME_BATCH, 2, first=4 * key.rank
    )
    low, high = step[0].tolist()
    return philox.Key(low | high << 32, key.epoch)


def make(name: str, setting: Setting) -> Method:
    """PRIME with its settings."""
    settings = setting.settings.prime
    return Prime(settings) if settings.draws == "image" else PrimeOfBatches(settings)
