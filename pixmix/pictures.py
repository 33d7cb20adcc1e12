"""One picture, in any of the forms that data sets hold, as an (H, W, 3) uint8 array."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mixset.errors import InputError


def as_array(picture: object) -> np.ndarray:
    """A picture as (H, W, 3) uint8; grey ones get three equal channels.

    Args:
        picture: a PIL image of any mode (what is transparent loses its transparency), a (1 or 3, H, W) or (H, W) uint8
            tensor, or an (H, W, 3), (H, W, 1) or (H, W) uint8 array.

    Raises:
        InputError: it is something else.
    """
    if isinstance(picture, Image.Image):
        return np.asarray(as_image(picture))
    torch = sys.modules.get("torch")  # who has a tensor has imported torch; nobody else needs it
    if torch is not None and isinstance(picture, torch.Tensor):
        if picture.dtype != torch.uint8 or picture.ndim not in (2, 3):
            raise InputError(f"picture: {_EXPECTED}, got a {picture.dtype} tensor of shape {tuple(picture.shape)}")
        array = picture.detach().cpu().numpy()
        return _three_channels(array if array.ndim == 2 else array.transpose(1, 2, 0), picture.shape)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim not in (2, 3):
            raise InputError(f"picture: {_EXPECTED}, got a {picture.dtype} array of shape {picture.shape}")
        return _three_channels(picture, picture.shape)
    raise InputError(f"picture: {_EXPECTED}, got {type(picture).__name__}")


def as_image(picture: object) -> Image.Image:
    """A picture as an RGB PIL image. Raises InputError as `as_array` does."""
    if isinstance(picture, Image.Image):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    return Image.fromarray(np.ascontiguousarray(as_array(picture)))


def stack(pictures: Sequence[object] | np.ndarray) -> np.ndarray:
    """Pictures of one size as (N, H, W, 3) uint8; such an array is given back as it is.

    Raises:
        InputError: one is no picture, or their sizes differ.
    """
    if (
        isinstance(pictures, np.ndarray)
        and pictures.dtype == np.uint8
        and pictures.ndim == 4
        and pictures.shape[3] == 3
    ):
        return pictures
    arrays = [as_array(picture) for picture in pictures]
    sizes = sorted({array.shape[:2] for array in arrays})
    if len(sizes) != 1:
        found = ", ".join(f"{height}×{width}" for height, width in sizes[:3]) or "none"
        raise InputError(f"pictures: one size is needed in a batch, got {found}; crop or resize them first")
    return np.stack(arrays)


_EXPECTED = "a PIL image, a (C, H, W) uint8 tensor or an (H, W, C) uint8 array with 1 or 3 channels is needed"


def _three_channels(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.shape[2] != 3 or 0 in array.shape:
        raise InputError(f"picture: {_EXPECTED}, got shape {tuple(shape)}")
    return array
