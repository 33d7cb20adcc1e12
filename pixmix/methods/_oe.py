"""Outlier exposure (Hendrycks et al., 2019): images of nothing in particular, of which the network is to say so."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mixset._common.errors import InputError

from .._augment.crops import crop_and_flip, crop_and_flip_tensor
from .._augment.residents import Resident
from .._common import philox
from ._base import Method, Setting, as_float, as_images
from ._settings import OESettings

if TYPE_CHECKING:
    from .._augment.draws import Key

PADDING = 4
"""Pixels of black around an outlier before a crop of its own size is taken: what small training images get, too."""
LARGEST_PADDED = 64
"""Side in pixels. Larger training images are crops without black borders, which would give the outliers away."""
_OFFSET_SLOT = 3  # of index 0; the slots before it are the crops'


class OE(Method):
    """Training images beside outliers, whose cross entropy to the uniform distribution is added with a weight.

    Image i of the training set brings the outliers (offset + n i + j) mod M, j = 0 … n − 1, where the offset is drawn
    once an epoch: as in the original, an epoch takes consecutive ones from a random start, none twice while there are
    enough. They are cropped and mirrored as small training images are, larger than 64 px only mirrored.

    Args:
        settings: weight and number of outliers; the defaults are the original's.
        outliers: (M, H, W, 3) uint8.
        size: (H, W) of the training images.

    Raises:
        InputError: the outliers have another shape or type, or there are none.
    """

    name = "oe"
    keys = ("image",)
    in_graph = True

    def __init__(self, settings: OESettings, outliers: np.ndarray, *, size: tuple[int, int]) -> None:
        if outliers.dtype != np.uint8 or outliers.shape[1:] != (*size, 3) or not len(outliers):
            raise InputError(
                f"outliers: (M, {size[0]}, {size[1]}, 3) uint8 is needed, got {outliers.dtype} of shape "
                f"{outliers.shape}; pixmix.methods._outlier_sets.load_outliers brings any images to size"
            )
        self.settings, self.outliers = settings, outliers
        self.resident: Resident | None = None
        """The outliers on the device of the images, once there were some."""
        self.views = 1 + settings.outliers
        self.padding = PADDING if max(size) <= LARGEST_PADDED else 0

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        numbers = self._numbers(indices)
        shown = self.outliers[self._indices(key, numbers)]
        shown = crop_and_flip(shown, key, numbers, padding=self.padding, stream=philox.EXPOSURE)
        return as_float(np.concatenate([batch, shown]))

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        numbers = self._numbers(indices)
        if self.resident is None or self.resident.device != batch.device:
            self.resident = Resident(self.outliers, batch.device)
        shown = self.resident.take(self._indices(key, numbers))
        shown = crop_and_flip_tensor(shown, key, numbers, padding=self.padding, stream=philox.EXPOSURE)
        return as_images(torch.cat([batch, shown]))

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The cross entropy of the training images, and `weight` times that of the outliers to uniform labels."""
        ours, outliers = logits[: len(targets)], logits[len(targets) :]
        exposure = (outliers.logsumexp(dim=1) - outliers.mean(dim=1)).mean()
        return functional.cross_entropy(ours, targets) + self.settings.weight * exposure

    def _numbers(self, indices: np.ndarray) -> np.ndarray:
        """The outliers' numbers in the epoch, (n · N,): the first of each image, then the second of each, …."""
        count = self.settings.outliers
        return (count * np.asarray(indices, np.int64) + np.arange(count)[:, None]).reshape(-1)

    def _indices(self, key: Key, numbers: np.ndarray) -> np.ndarray:
        """Where in the set they lie."""
        first = np.zeros(1, np.int64)
        offset = philox.uniforms(key.seed, key.epoch, first, philox.EXPOSURE, _OFFSET_SLOT + 1)[0, _OFFSET_SLOT]
        return (int(offset * len(self.outliers)) + numbers) % len(self.outliers)

    def __getstate__(self) -> dict[str, Any]:
        """What a loader worker gets; of a mapped file only where it is, not its content."""
        state, outliers = self.__dict__ | {"resident": None}, self.outliers
        # A slice of a map has the map's offset, not its own; its base is the map, not the file.
        if isinstance(outliers, np.memmap) and isinstance(outliers.base, mmap.mmap) and outliers.flags.c_contiguous:
            state["outliers"] = (outliers.filename, outliers.offset, outliers.shape)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(self.outliers, tuple):
            path, offset, shape = self.outliers
            try:
                self.outliers = np.memmap(path, np.uint8, "r", offset, shape)
            except (OSError, ValueError) as error:
                raise InputError(f"outliers {path} cannot be read again: {error}") from error


def make(name: str, setting: Setting) -> Method:
    """Outlier exposure with the outliers of the setting."""
    assert setting.outliers is not None  # `METHODS` says that it needs them
    return OE(setting.settings.oe, setting.outliers, size=setting.size)
