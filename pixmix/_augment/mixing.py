"""PixMix of a batch: the draws for its images, and the engine that applies them."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from mixset._common.errors import InputError

from .._common.philox import check_indices
from .._engines import find_engine
from .._engines.cuda import CudaMixer, serves
from .._engines.torch import mix_tensors
from .crops import crop_and_flip_tensor
from .draws import Key, PoolLike, draw
from .residents import Resident, Residents
from .settings import PixMixSettings
from .transfers import carry


def mix_arrays(
    images: np.ndarray, key: Key, indices: np.ndarray, *, settings: PixMixSettings, pool: PoolLike | None, engine: str
) -> np.ndarray:
    """Mix images on the CPU.

    Args:
        images: (N, H, W, 3) uint8.
        key: seed and epoch.
        indices: (N,) the images' positions in their data set.
        pool: the mixing images; None where the partner is the input.
        engine: a name in `pixmix._engines.ENGINES`.

    Returns:
        (N, 3, H, W) float32 in [0, 1].
    """
    mixing_images = None if pool is None else pool.images
    return find_engine(engine)(images, mixing_images, draw(settings, key, indices, pool))


class BatchMixer:
    """Mixes tensors on whatever device they are, from the draws of `mix_arrays`.

    It keeps mixing images on the device, and what the CUDA kernels need; pickles and copies of it are empty.
    """

    def __init__(self, settings: PixMixSettings) -> None:
        self.settings = settings
        self._residents = Residents()
        self._mixers: dict[Any, CudaMixer] = {}

    def mix(self, images: Tensor, key: Key, indices: np.ndarray, pool: PoolLike | None) -> Tensor:
        """Mix a batch.

        Args:
            images: (N, H, W, 3) uint8 on any device.
            key: seed and epoch.
            indices: (N,) the images' positions in their data set.
            pool: the mixing images; None where the partner is the input.

        Returns:
            (N, 3, H, W) float32 in [0, 1] there, channels last in memory.
        """
        mixing_images = self._resident(pool, images.device)
        if not serves(images.device) or (mixing_images is not None and mixing_images.tensor is None):
            return mix_tensors(images, mixing_images, draw(self.settings, key, indices, pool))
        mixer = self.mixer(pool, (images.shape[1], images.shape[2]), images.device)
        if len(indices) != len(images):
            raise InputError(f"draws: {len(indices)} for {len(images)} images; draw with one index an image")
        sent = carry_key(images.device, key, indices)
        mixing = None if mixing_images is None else mixing_images.tensor
        return mixer.mix(images, mixing, sent["key"], sent["indices"])

    def cut_and_mix(
        self, stored: Resident, key: Key, indices: np.ndarray, pool: PoolLike | None, *, padding: int, flip: bool
    ) -> Tensor:
        """Take images of a data set on a device, crop and flip them as `crop_and_flip` does, and mix them.

        Args:
            stored: the data set's images.
            key: seed and epoch.
            indices: (N,) whole numbers: which of them.
            pool: the mixing images; None where the partner is the input.
            padding: as for `crop_and_flip`.
            flip: as for `crop_and_flip`.

        Returns:
            As `mix`.
        """
        mixing_images = self._resident(pool, stored.device)
        kept = mixing_images is None or mixing_images.tensor is not None
        if stored.tensor is None or not kept or not serves(stored.device):
            cut = crop_and_flip_tensor(stored.take(indices), key, indices, padding=padding, flip=flip)
            return self.mix(cut, key, indices, pool)
        if len(indices) and not 0 <= np.min(indices) <= np.max(indices) < len(stored):
            raise InputError(f"images: indices run from {np.min(indices)} to {np.max(indices)} of {len(stored)}")
        size = stored.shape[1], stored.shape[2]
        mixer = self.mixer(pool, size, stored.device, padding=padding, flip=flip)
        sent = carry_key(stored.device, key, indices)
        mixing = None if mixing_images is None else mixing_images.tensor
        return mixer.mix(stored.tensor, mixing, sent["key"], sent["indices"], rows=sent["indices"])

    def mixer(
        self, pool: PoolLike | None, size: tuple[int, int], device: Any, *, padding: int = 0, flip: bool = False
    ) -> CudaMixer:
        """The kernels' state for images of `size` (H, W) on a device, made on the first call for a pool."""
        described = None if pool is None else (pool.images.shape, *map(tuple, (pool.size, pool.counts, pool.weights)))
        kind = described, size, device, padding, flip
        if kind not in self._mixers:
            self._mixers[kind] = CudaMixer(self.settings, pool, size, device, padding=padding, flip=flip)
        return self._mixers[kind]

    def _resident(self, pool: PoolLike | None, device: Any) -> Resident | None:
        if pool is None:
            return None
        # Without kernels they are mixed on the CPU, and must not take a GPU's memory.
        return self._residents.get(pool.images, device, whole=None if serves(device) else False)

    def __getstate__(self) -> dict[str, Any]:
        return {"settings": self.settings, "_residents": self._residents, "_mixers": {}}


def carry_key(device: Any, key: Key, indices: np.ndarray) -> dict[str, Tensor]:
    """`key` (3,) int64, with `indices` (N,) int64, as `CudaMixer` takes them, in one copy to a device."""
    words = np.array([key.seed, key.epoch, key.shared.seed], np.uint64).view(np.int64)
    return carry(device, key=words, indices=check_indices(indices))
