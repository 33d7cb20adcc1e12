"""One image, in any of the forms that data sets hold, as an (H, W, 3) uint8 array."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mixset._common.decoding import to_rgb
from mixset._common.errors import InputError


def as_array(image: object) -> np.ndarray:
    """An image as (H, W, 3) uint8; grey ones get three equal channels.

    Args:
        image: a PIL image of any mode, converted by `mixset._common.decoding.to_rgb`; a (1 or 3, H, W) or (H, W) uint8
            tensor, or an (H, W, 3), (H, W, 1) or (H, W) uint8 array.

    Raises:
        InputError: it is something else.
    """
    if isinstance(image, Image.Image):
        return to_rgb(image)
    torch = sys.modules.get("torch")  # who has a tensor has imported torch; nobody else needs it
    if torch is not None and isinstance(image, torch.Tensor):
        if image.dtype != torch.uint8:
            raise _wrong_type(f"a {image.dtype} tensor", floats=image.dtype.is_floating_point)
        array = image.detach().cpu().numpy()
        return _three_channels(array.transpose(1, 2, 0) if array.ndim == 3 else array, image.shape)
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8:
            raise _wrong_type(f"a {image.dtype} array", floats=image.dtype.kind == "f")
        return _three_channels(image, image.shape)
    raise InputError(f"image: {_EXPECTED}, got {type(image).__name__}")


def stack(images: Sequence[object] | np.ndarray) -> np.ndarray:
    """Images of one size as (N, H, W, 3) uint8; such an array is given back as it is.

    Raises:
        InputError: one is no image, or their sizes differ.
    """
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3:
        return images
    arrays = [as_array(image) for image in images]
    sizes = sorted({array.shape[:2] for array in arrays})
    if len(sizes) != 1:
        found = ", ".join(f"{height}×{width}" for height, width in sizes[:3]) or "none"
        raise InputError(f"images: one size is needed in a batch, got {found}; crop or resize them first")
    return np.stack(arrays)


_EXPECTED = "a PIL image, a (C, H, W) uint8 tensor or an (H, W, C) uint8 array with 1 or 3 channels is needed"


def _wrong_type(got: str, *, floats: bool) -> InputError:
    behind = "take it as it is before ToDtype, ToTensor and Normalize make floats of it"
    advice = behind if floats else "scale its values to 0 to 255 and round them to uint8 (16 bits: divide by 257)"
    return InputError(f"image: {_EXPECTED}, got {got}; {advice}")


def _three_channels(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W), (H, W, 1) or (H, W, 3) as the last; an error tells the shape that was given."""
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim == 3 and array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        alpha = array.ndim == 3 and array.shape[2] in (2, 4)
        advice = "; leave its alpha channel out, or give a PIL image" if alpha else ""
        raise InputError(f"image: {_EXPECTED}, got shape {tuple(shape)}{advice}")
    return array
