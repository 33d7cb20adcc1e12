"""What every engine asks of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixset._common.errors import InputError

from .._augment.draws import Draws

if TYPE_CHECKING:
    from torch import Tensor


def check_images(images: np.ndarray, mixing_images: np.ndarray | None, draws: Draws) -> None:
    """Check the arguments of an engine.

    Raises:
        InputError: images are no (N, H, W, 3) uint8, there are no draws for them, or the draws ask for mixing
            images or crops that are not there.
    """
    _check_array("images", images)
    if mixing_images is not None:
        _check_array("mixing images", mixing_images)
    check_draws(draws, images.shape, None if mixing_images is None else mixing_images.shape)


def check_draws(draws: Draws, shape: Sequence[int], mixing_shape: Sequence[int] | None) -> None:
    """Check draws for images of `shape`, (N, H, W, 3), and mixing images of `mixing_shape`, (M, h, w, 3).

    Raises:
        InputError: they are not as many as the images, or ask for mixing images or crops that are not there.
    """
    if len(draws) != shape[0]:
        raise InputError(f"draws: {len(draws)} for {shape[0]} images; draw with one index an image")
    rounds = np.arange(draws.op.shape[1]) < draws.rounds[:, None]
    asked = (rounds & (draws.op < 0)).any(axis=1)
    if not asked.any():
        return
    if mixing_shape is None:
        raise InputError("mixing images: the draws mix some in, but none are given")
    last = draws.image[asked].max()
    if last >= mixing_shape[0]:
        raise InputError(f"mixing images: image {last} was drawn, but there are {mixing_shape[0]}")
    (height, width), (h, w) = shape[1:3], mixing_shape[1:3]
    if draws.top[asked].max() + height > h or draws.left[asked].max() + width > w:
        raise InputError(f"mixing images: the drawn crops of {height}×{width} do not fit into {h}×{w}")


def check_tensor(what: str, images: Tensor) -> None:
    """Check that a tensor holds images.

    Raises:
        InputError: it has another shape or type.
    """
    import torch  # whoever has a tensor has imported it; the engines of arrays need none

    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape[1:3]:
        raise InputError(
            f"{what}: an (N, H, W, 3) uint8 tensor is needed, got {images.dtype} of shape {tuple(images.shape)}"
        )


def _check_array(what: str, array: np.ndarray) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3:
        kind = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"{what}: an (N, H, W, 3) uint8 array is needed, got {kind}")
    if 0 in array.shape[1:3]:
        raise InputError(f"{what}: images without pixels: shape {array.shape}")
