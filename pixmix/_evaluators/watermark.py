"""ImageNet-W's watermark: six characters across an image, in the font that the package imagenet-w brings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mixset._common.errors import InputError, reading

from .image_sets import Batch, Images, array_fingerprint

PACKAGE = "imagenet-w"
TEXT = "捷径" * 3
"""Chinese for "shortcut", three times."""
FONT = "SourceHanSerifSC-ExtraLight.otf"
FONT_SIZES = {224: 36, 384: 62, 512: 82, 518: 84}
"""Of the usual sides of images; `font_size` knows those of others."""
OPACITY = 128
"""Half of 255, rounded."""
LEFT, TOP = 0.01, 0.4
"""Where the text's box begins, as shares of the side."""


def font_path() -> Path:
    """The font's file, in the package, which is found without being imported: it would want torchvision.

    Raises:
        InputError: the package is not installed, or has no such font.
    """
    spec = find_spec("imagenet_w")
    places = [] if spec is None else [Path(place) / "fonts" / FONT for place in spec.submodule_search_locations or ()]
    if there := [path for path in places if path.is_file()]:
        return there[0]
    if places:
        raise InputError(f"suite w: {places[0]} is missing; pip install --force-reinstall --no-deps {PACKAGE}")
    raise InputError(f"suite w: the watermark's font is not installed; pip install --no-deps {PACKAGE}")


def font_size(side: int) -> int:
    """The size of the font, in px, for square images of this side."""
    return FONT_SIZES.get(side, int(side / 6.22))


def check_watermark(size: tuple[int, int] | None) -> None:
    """InputError where the font is not installed, or images of size (H, W) cannot have the mark."""
    font_path()
    if size is not None and (size[0] != size[1] or not font_size(size[0])):
        raise InputError(f"suite w: square images of at least 7 px are needed, got {size[1]}x{size[0]}")


@dataclass(frozen=True)
class Watermark:
    """The mark on square images of one side."""

    side: int

    @cached_property
    def opacities(self) -> np.ndarray:
        """(side, side) uint8: how opaque the white of the mark is at each pixel, 128 inside of strokes.

        Raises:
            InputError: the font cannot be read.
        """
        path = font_path()
        with reading(f"font {path}", f"pip install --force-reinstall --no-deps {PACKAGE}"):
            font = ImageFont.truetype(path, font_size(self.side))
            mark = Image.new("RGBA", (self.side, self.side), (255, 255, 255, 0))
            place = LEFT * self.side, TOP * self.side
            ImageDraw.Draw(mark).text(place, TEXT, fill=(255, 255, 255, OPACITY), font=font)
        return np.asarray(mark)[..., 3]

    @cached_property
    def blends(self) -> np.ndarray:
        """(256, 256) uint8: opacity and value of a pixel → its value under white of that opacity, as Pillow has it."""
        ramp = np.arange(256, dtype=np.uint8)
        white, below = np.full((2, 256, 256, 4), 255, np.uint8)
        white[..., 3], below[..., :3] = ramp[:, None], ramp[None, :, None]
        return np.asarray(Image.alpha_composite(Image.fromarray(below), Image.fromarray(white)))[..., 0]

    def on(self, images: np.ndarray) -> np.ndarray:
        """Images with the mark, uint8.

        Args:
            images: (n, side, side, 3) uint8; or floats in [0, 1], which are rounded to bytes first.
        """
        if images.dtype.kind == "f":
            images = np.rint(images * 255).astype(np.uint8)
        marked, (rows, columns) = images.copy(), self._box
        opacities = self.opacities[rows, columns, None]
        marked[:, rows, columns] = self.blends[opacities, images[:, rows, columns]]
        return marked

    @cached_property
    def _box(self) -> tuple[slice, slice]:
        """Rows and columns that hold all of the mark."""
        (top, bottom), (left, right) = (np.flatnonzero(self.opacities.any(axis))[[0, -1]] for axis in (1, 0))
        return slice(top, bottom + 1), slice(left, right + 1)


class Watermarked:
    """Images with the mark, which is put on each batch as it is read."""

    def __init__(self, images: Images, mark: Watermark) -> None:
        self.images, self.mark = images, mark

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, batch_size: int, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        for batch in self.images.batches(batch_size, rank, world):
            yield batch._replace(images=self.mark.on(batch.images))

    def fingerprint(self) -> str | None:
        below = self.images.fingerprint()
        return below and sha256(f"{below} {array_fingerprint(self.mark.opacities)}".encode()).hexdigest()
