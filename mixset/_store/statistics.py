"""Structural complexity in six figures: how full, strong, detailed, colourful, coarse and smooth images are."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from .._common.cropping import scale_and_crop

SAMPLE = 500
"""Images the medians are taken over."""


class Statistics(NamedTuple):
    """Of one image, or the medians over many."""

    flat_tiles: float
    """Share of 16 × 16 tiles that hold next to nothing; photographs: 0.09 (see `PHOTOGRAPHS`)."""
    contrast: float
    """Standard deviation at 36 pixels, the size CIFAR's crops are taken from, in steps of 0 to 255."""
    bits_per_pixel: float
    """Of a JPEG of quality 75: how much there is to say about it."""
    colour_entropy: float
    """Bits, of the histogram over 8 x 8 x 8 colours: 0 for one colour, 9 for all alike."""
    coarse_share: float
    """The grey image's standard deviation at 36 pixels over that at full size: 1 for broad shapes, 0 for fine noise."""
    neighbours: float
    """Correlation of neighbouring grey pixels at 36 pixels: 1 for blurs, 0 for noise."""


PHOTOGRAPHS = Statistics(0.09, 53.8, 1.65, 4.46, 0.90, 0.86)
"""Medians of 500 ImageNet photographs of 500 classes at 256 pixels, to compare with."""

_SMALL = 36


def statistics(image: np.ndarray) -> Statistics:
    """The six figures of one image (H, W, 3) uint8."""
    # Loads Numba, which a check, that asks for the contrast alone, does without.
    from .tiles import flat_tiles

    coarse_share, neighbours = coarseness(image)
    return Statistics(
        flat_tiles(image), contrast(image), bits_per_pixel(image), colour_entropy(image), coarse_share, neighbours
    )


def medians(images: Sequence[np.ndarray], sample: int = SAMPLE) -> Statistics:
    """The median of each figure over `sample` images spread evenly over `images`, or over all of fewer."""
    rows = [statistics(image) for image in spread(images, sample)]
    return Statistics(*(float(np.median(column)) for column in zip(*rows, strict=True)))


def spread(images: Sequence[np.ndarray], sample: int) -> Iterator[np.ndarray]:
    """`sample` of the images at even distances, the first one among them."""
    count = len(images)
    return (images[i * count // sample] for i in range(sample)) if count > sample else iter(images)


def contrast(image: np.ndarray) -> float:
    """Standard deviation over pixels and channels, in steps of 0 to 255, of the image scaled to 36 x 36 pixels."""
    return float(scale_and_crop(image, (_SMALL, _SMALL)).std())


def bits_per_pixel(image: np.ndarray) -> float:
    """Bits per pixel of the image as a JPEG of quality 75, 4:2:0, as Pillow writes it."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=75)
    return 8 * stream.tell() / (image.shape[0] * image.shape[1])


def colour_entropy(image: np.ndarray) -> float:
    """Shannon entropy in bits of the colours, 8 steps a channel: 0 to 9."""
    steps = (image >> 5).astype(np.intp)
    counts = np.bincount((steps[..., 0] << 6 | steps[..., 1] << 3 | steps[..., 2]).ravel())
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def coarseness(image: np.ndarray) -> tuple[float, float]:
    """How coarse the structure of an image (H, W, 3) uint8 is: `coarse_share` and `neighbours`.

    36 pixels are those of the shorter side, each the mean of what it covers; a smaller image is taken as it is.
    An image of one grey has a share of 1 and neighbours that are alike.
    """
    grey = Image.fromarray(image).convert("L")
    short = min(grey.size)
    scale = min(_SMALL / short, 1.0)
    # In floats: of low contrast, bytes would leave the steps of rounding.
    fine = np.asarray(grey, np.float32)
    small = Image.fromarray(fine).resize((round(grey.width * scale), round(grey.height * scale)), Image.Resampling.BOX)
    coarse = np.asarray(small, np.float64)
    coarse = coarse - coarse.mean()
    variance = float((coarse * coarse).mean())
    if variance == 0.0:
        return (1.0 if fine.std() == 0.0 else 0.0), 1.0
    across, down = (coarse[:, 1:] * coarse[:, :-1]).mean(), (coarse[1:] * coarse[:-1]).mean()
    return float(np.sqrt(variance) / fine.std(dtype=np.float64)), float(0.5 * (across + down) / variance)


def table(rows: Iterable[tuple[str, Statistics]]) -> str:
    """Lines of text: a heading, then a name and its six figures in each."""
    headings = ("flat tiles", "contrast", "bits/pixel", "colour bits", "coarse", "neighbours")
    lines = [" " * 24 + "".join(f"{heading:>12}" for heading in headings)]
    for name, one in rows:
        cells = "".join(f"{value:12.{1 if field == 'contrast' else 2}f}" for field, value in one._asdict().items())
        lines.append(f"{name[:24]:24}{cells}")
    return "\n".join(lines)
