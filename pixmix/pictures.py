"""One picture, in any of the forms that data sets hold, as an (H, W, 3) uint8 array."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mixset.errors import InputError
from mixset.pictures import to_rgb


def as_array(picture: object) -> np.ndarray:
    """A picture as (H, W, 3) uint8; grey ones get three equal channels.

    Args:
        picture: a PIL image of any mode, converted by `mixset.pictures.to_rgb`; a (1 or 3, H, W) or (H, W) uint8
            tensor, or an (H, W, 3), (H, W, 1) or (H, W) uint8 array.

    Raises:
        InputError: it is something else.
    """
    if isinstance(picture, Image.Image):
        return to_rgb(picture)
    torch = sys.modules.get("torch")  # who has a tensor has imported torch; nobody else needs it
    if torch is not None and isinstance(picture, torch.Tensor):
        if picture.dtype != torch.uint8:
            raise _wrong_type(f"a {picture.dtype} tensor", floats=picture.dtype.is_floating_point)
        array = picture.detach().cpu().numpy()
        return _three_channels(array.transpose(1, 2, 0) if array.ndim == 3 else array, picture.shape)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8:
            raise _wrong_type(f"a {picture.dtype} array", floats=picture.dtype.kind == "f")
        return _three_channels(picture, picture.shape)
    raise InputError(f"picture: {_EXPECTED}, got {type(picture).__name__}")


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


def _wrong_type(got: str, *, floats: bool) -> InputError:
    behind = "take it as it is before ToDtype, ToTensor and Normalize make floats of it"
    advice = behind if floats else "scale its values to 0 to 255 and round them to uint8 (16 bits: divide by 257)"
    return InputError(f"picture: {_EXPECTED}, got {got}; {advice}")


def _three_channels(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W), (H, W, 1) or (H, W, 3) as the last; an error tells the shape that was given."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        alpha = array.ndim == 3 and array.shape[2] in (2, 4)
        advice = "; leave its alpha channel out, or give a PIL image" if alpha else ""
        raise InputError(f"picture: {_EXPECTED}, got shape {tuple(shape)}{advice}")
    return array
