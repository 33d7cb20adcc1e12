"""Structural complexity in four figures: how full, how strong at training size, how detailed, how colourful."""

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


PHOTOGRAPHS = Statistics(0.09, 53.8, 1.65, 4.46)
"""Medians of 500 ImageNet photographs of 500 classes at 256 pixels, to compare with."""

_SMALL = 36


def statistics(image: np.ndarray) -> Statistics:
    """The four figures of one image (H, W, 3) uint8."""
    # Loads Numba, which a check, that asks for the contrast alone, does without.
    from .tiles import flat_tiles

    return Statistics(flat_tiles(image), contrast(image), bits_per_pixel(image), colour_entropy(image))


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


def table(rows: Iterable[tuple[str, Statistics]]) -> str:
    """Lines of text: a heading, then a name and its four figures in each."""
    lines = [f"{'':24} {'flat tiles':>10} {'contrast':>10} {'bits/pixel':>10} {'colour bits':>11}"]
    for name, one in rows:
        lines.append(
            f"{name[:24]:24} {one.flat_tiles:10.2f} {one.contrast:10.1f} {one.bits_per_pixel:10.2f} "
            f"{one.colour_entropy:11.2f}"
        )
    return "\n".join(lines)
