"""Any image file or image to (H, W, 3) uint8: decoding as photographs deserve it, scaling and cropping."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .errors import InputError, reason
from .regular import open_regular

_FORMATS = "jpg jpeg jpe jfif png apng bmp dib gif webp tif tiff ppm pgm pbm pnm tga jp2 j2k avif"
SUFFIXES = frozenset("." + name for name in _FORMATS.split())
_ORIENTATION = 0x0112
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's modes of one channel with more than 8 bits, which its own `convert` cuts off at 255."""
_RANGES = (255, 65535)
"""The highest values that a channel may have, beside 1 of floats: the least that holds an image's is taken for its."""


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for an image: by its suffix, hidden files left out."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not os.path.basename(name).startswith(".")


def list_image_files(folder: Path, unreadable: Callable[[Path, str], object] | None = None) -> list[Path]:
    """Every image file below `folder`, at any depth, links followed once, sorted by its path.

    Args:
        unreadable: called with each folder that cannot be read, and why; default: that is refused.

    Raises:
        InputError: as said.
    """

    def tell(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename))
        if unreadable is None:
            raise InputError(f"folder {path} cannot be read: {reason(error)}; allow it, or take the folder away")
        unreadable(path, reason(error))

    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for base, folders, names in os.walk(folder, followlinks=True, onerror=tell):
        status = os.stat(base)
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(base, name) for name in names if is_image(name)]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def stamp(path: Path) -> tuple[int, int]:
    """(bytes, nanoseconds of the last change) of a file, or -1 and -1 where it cannot be had."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def decode(
    source: str | os.PathLike[str] | bytes, *, at_least: tuple[int, int] | None = None, turned: bool = True
) -> np.ndarray:
    """The image in a file (or in its bytes) as (H, W, 3) uint8 sRGB values.

    As `to_rgb` has it; of an animation the first frame is taken.

    Args:
        at_least: (h, w); a JPEG at least twice this large may be decoded at 1/2, 1/4 or 1/8 of its size.
        turned: whether to turn it as its EXIF data say.

    Raises:
        InputError: with the reason in a few words and without the file's name.
    """
    with _opened(source) as image:
        if at_least is not None and image.format == "JPEG":
            side = 2 * max(at_least)  # twice, for what is scaled next; the longer, for EXIF may turn the image
            image.draft(None, (side, side))
        return np.require(to_rgb(image, turned=turned), requirements="W")


def to_rgb(image: Image.Image, *, turned: bool = False) -> np.ndarray:
    """An opened image of any mode as (H, W, 3) uint8 sRGB values; may be read-only. The image stays as it is.

    What is transparent lies on black. Samples of more than 8 bits are scaled to 8: of 16 bits by 1/257, floats from
    0 to 1 by 255; values in another range by the least of 1 (floats alone), 255 and 65,535 that holds them, and where
    none does or some are negative, from the image's own minimum and maximum. What is not a number is 0.

    Args:
        turned: whether to turn it as its EXIF data say, as a viewer does. A transform leaves it: it is given what may
            have been turned or cut already.

    Raises:
        InputError: there is no way to RGB from its mode, or it has no pixels.
    """
    if 0 in image.size:
        raise InputError(f"image of {image.width} by {image.height} pixels: there is nothing in it")
    image.load()  # some formats have their EXIF data behind the pixels
    if turned and image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode in _WIDE:
        return np.repeat(_to_8_bits(image)[:, :, None], 3, axis=2)
    try:
        if image.has_transparency_data:
            ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(ground, image.convert("RGBA"))
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except ValueError as error:
        raise InputError(f"image of mode {image.mode}: {reason(error)}; convert it to RGB before") from error


def header_size(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """(H, W) as the header has it, nothing decoded; raises as `decode`."""
    with _opened(source) as image:
        return image.height, image.width


@contextlib.contextmanager
def _opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """An opened image; whatever goes wrong with it inside the block becomes an InputError."""
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
        with stream, Image.open(stream) as image:
            yield image
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError("no image of a known format") from error
    except MemoryError as error:
        raise InputError("too large for this machine's memory") from error
    except Image.DecompressionBombError as error:
        raise InputError("too many pixels (Pillow's limit against files made to fill the memory)") from error
    except Exception as error:  # Pillow's readers raise anything at all over damaged bytes
        if isinstance(error, OSError) and error.errno:  # the system's: absent, forbidden, too many open files
            raise InputError(reason(error).lower()) from error
        raise InputError(f"broken image: {reason(error)}") from error


def _to_8_bits(image: Image.Image) -> np.ndarray:
    """One wide channel as (H, W) uint8, what is transparent as 0."""
    grey = np.asarray(image)
    values = np.nan_to_num(grey.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        ranges: tuple[int, ...] = _RANGES[-1:]
    else:
        ranges = (1, *_RANGES) if image.mode == "F" else _RANGES
    fitting = [float(top) for top in ranges if low >= 0 and high <= top]
    if not fitting:
        values = values - low
    top = fitting[0] if fitting else max(high - low, 1e-12)
    scaled = np.rint(values * (255 / top)).astype(np.uint8)
    if "transparency" in image.info:
        scaled[grey == image.info["transparency"]] = 0
    return scaled


def scale_and_crop(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scale (H, W, 3) uint8 until it just covers `shape` (h, w), then crop the centre: (h, w, 3) uint8.

    For a square `shape` this is torchvision's `Resize(h)` (bilinear, antialiased) and `CenterCrop(h)` on PIL images,
    bit for bit.
    """
    height, width = image.shape[:2]
    h, w = shape
    if height * w <= width * h:
        scaled_height, scaled_width = h, h * width // height
    else:
        scaled_height, scaled_width = w * height // width, w
    if (scaled_height, scaled_width) != (height, width):
        scaled = Image.fromarray(image).resize((scaled_width, scaled_height), Image.Resampling.BILINEAR)
        image = np.asarray(scaled)
    top, left = round((scaled_height - h) / 2), round((scaled_width - w) / 2)
    return np.ascontiguousarray(image[top : top + h, left : left + w])
