"""PixMix as a module for batches on any device: one line in a training loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common.distributed import rank_and_world
from .._common.keyed import torch_seeds
from .draws import Key
from .mixing import BatchMixer
from .pools import LazyPool, MixingSource
from .settings import PixMixSettings, SettingsKeywords


class PixMixBatch(nn.Module):
    """PixMix of whole batches on their device, GPU or CPU: `images = mix(images)`.

    Takes (N, 3, H, W) uint8 images after crops and flips, and returns (N, 3, H, W) float32 in [0, 1] on the same
    device, channels-last in memory, ready for a normaliser. Like dropout, it is active in training mode only; in
    evaluation mode (`mix.eval()`) images are converted to float without mixing.

    On an NVIDIA GPU, with `pip install "pixmix[gpu]"`, kernels there draw and mix, and the host does not wait for them.
    On other devices, and without that, images are mixed on the CPU and copied there and back.

    If indices and epoch are passed, the result for an image depends only on them and the seed, and equals that of
    `PixMixDataset`. Otherwise it depends on the seed and the number of steps so far, which is saved in the
    `state_dict`, and on the rank of a process in a distributed run.

    Args:
        mixing_set: a folder of images or shards, several folders, a `MixingSet` or a `MixingPool`; None with
            `partner="input"`. It is kept in GPU memory if it takes at most a quarter of what is free.
        size: S or (H, W) of the training images in pixels; default: that of the first batch. With it, the pool of
            mixing images is made at once.
        weights: how often each of several folders is drawn, relative to the others; default: its number of images.
        seed: the seed of all random numbers, 0 to 2**64 − 1.
        settings: the fields of `PixMixSettings` as keywords: k, beta, aug_severity, all_ops, mixings and partner.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or a batch has another shape or dtype.

    Example:
        >>> import torch
        >>> import pixmix
        >>> mix = pixmix.PixMixBatch("my-set", size=32, seed=0)
        >>> mix(torch.zeros(8, 3, 32, 32, dtype=torch.uint8)).shape
        torch.Size([8, 3, 32, 32])
    """

    def __init__(
        self,
        mixing_set: MixingSource,
        *,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        seed: int = 0,
        **settings: Unpack[SettingsKeywords],
    ) -> None:
        super().__init__()
        self.settings = PixMixSettings(**settings)
        self.key = Key(seed)
        self.steps = 0
        """The number of batches mixed without indices."""
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)
        self._mixer = BatchMixer(self.settings)

    @torch._disable_dynamo  # draws are made by NumPy on the host, which torch.compile cannot trace
    def forward(
        self, images: Tensor, indices: Sequence[int] | np.ndarray | Tensor | None = None, epoch: int | None = None
    ) -> Tensor:
        """Mix a batch.

        Args:
            images: (N, 3, H, W) uint8.
            indices: (N,) indices of the images in their data set, preferably on the CPU: reading them from a GPU waits
                for it.
            epoch: the epoch, counted from 0; needed with `indices`.

        Returns:
            (N, 3, H, W) float32 in [0, 1].

        Raises:
            InputError: the batch has another shape or dtype, or only one of `indices` and `epoch` is passed.
        """
        if not isinstance(images, Tensor):
            raise InputError(f"images: a tensor (N, 3, H, W) is needed, got a {type(images).__name__}")
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            shape = tuple(images.shape)
            raise InputError(f"images: (N, 3, H, W) uint8 are needed, as before ToDtype, got {images.dtype} of {shape}")
        if not self.training:
            return images.to(torch.float32, memory_format=torch.channels_last).div_(255)
        key, positions = self._choose_key(len(images), indices, epoch)
        pool = self._pool.get((images.shape[2], images.shape[3]))
        mixed = self._mixer.mix(images.permute(0, 2, 3, 1), key, positions, pool)
        self.steps += indices is None
        return mixed

    def _choose_key(
        self, count: int, indices: Sequence[int] | np.ndarray | Tensor | None, epoch: int | None
    ) -> tuple[Key, np.ndarray]:
        if (indices is None) != (epoch is None):
            raise InputError("indices and epoch: give both, or neither for a step of its own")
        if indices is None or epoch is None:
            (seed,) = torch_seeds(Key(self.key.seed, self.steps), np.array([rank_and_world()[0]]))
            return Key(seed), np.arange(count)
        try:
            positions = indices.cpu().numpy() if isinstance(indices, Tensor) else np.asarray(indices)
        except ValueError as error:  # lists of several lengths
            raise InputError(f"indices: a list of whole numbers is needed, got {indices!r}") from error
        if positions.shape != (count,):
            raise InputError(f"indices: one for each of {count} images is needed, got shape {positions.shape}")
        return Key(self.key.seed, epoch), positions

    def get_extra_state(self) -> dict[str, int]:
        """The state saved in `state_dict`: the number of steps."""
        return {"steps": self.steps}

    def set_extra_state(self, state: Any) -> None:
        """Resume from the saved number of steps."""
        self.steps = int(state["steps"])

    def extra_repr(self) -> str:
        s = self.settings
        return (
            f"{self._pool!r}, k={s.k}, beta={s.beta}, aug_severity={s.aug_severity}, all_ops={s.all_ops}, "
            f"mixings={s.mixings}, partner={s.partner!r}, seed={self.key.seed}"
        )
