"""Decoding image files of any mode to (H, W, 3) uint8, and scaling and cropping them."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image, ImageOps

from .errors import InputError, reason
from .jpegs import Rows, decode_jpeg
from .regular import open_regular

_FORMATS = "jpg jpeg jpe jfif png apng bmp dib gif webp tif tiff ppm pgm pbm pnm tga jp2 j2k avif"
SUFFIXES = frozenset("." + name for name in _FORMATS.split())
_ORIENTATION = 0x0112
_WIDE = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
"""Pillow's single-channel modes of more than 8 bits, whose values its own `convert` clips at 255."""
_RANGES = (255, 65535)
"""Possible maxima of a channel, besides 1 for floats: the smallest that no value of the image exceeds is used."""


def is_image(name: str) -> bool:
    """Whether a file of this name counts as an image: it has an image's suffix and is not hidden."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not os.path.basename(name).startswith(".")


def list_image_files(folder: Path, unreadable: Callable[[Path, str], object] | None = None) -> list[Path]:
    """Every image file below `folder`, at any depth, sorted by path; links to folders are followed.

    Args:
        folder: where to look.
        unreadable: called with each folder that cannot be read, and the reason; default: raise InputError.

    Raises:
        InputError: a folder cannot be read, and `unreadable` is None.
    """

    def report(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename))
        if unreadable is None:
            raise InputError(f"folder {path} cannot be read: {reason(error)}; allow it, or move the folder away")
        unreadable(path, reason(error))

    paths: list[Path] = []
    visited: set[tuple[int, int]] = set()
    for base, folders, names in os.walk(folder, followlinks=True, onerror=report):
        status = os.stat(base)
        if (status.st_dev, status.st_ino) in visited:  # a link to a folder above
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(base, name) for name in names if is_image(name)]
    return sorted(paths, key=lambda path: path.relative_to(folder).parts)


def stamp(path: Path) -> tuple[int, int]:
    """(size in bytes, time of the last change in nanoseconds) of a file, or (-1, -1) if it has none."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def decode(
    source: str | os.PathLike[str] | bytes,
    *,
    at_least: tuple[int, int] | None = None,
    transpose: bool = True,
    needed: Rows | None = None,
) -> np.ndarray:
    """Decode an image file as (H, W, 3) uint8 sRGB values, converted as by `to_rgb`.

    Of an animation the first frame is taken.

    Args:
        source: a path, or the bytes of a file.
        at_least: (h, w); a JPEG at least twice this large may be decoded at 1/2, 1/4 or 1/8 of its size.
        transpose: whether to apply the EXIF orientation.
        needed: the rows that are used; what is below, damage to the file included, may be left undecoded.

    Raises:
        InputError: the image cannot be decoded; the message is the reason alone, without the file's name.
    """
    with _opened(source) as image:
        if at_least is not None and image.format == "JPEG":
            side = 2 * max(at_least)  # twice, as it is resized next; the longer, as EXIF may swap the sides
            image.draft(None, (side, side))
        elif (pixels := decode_jpeg(image, transpose=transpose, needed=needed)) is not None:
            return pixels
        return np.require(to_rgb(image, transpose=transpose), requirements="W")


class Kept(Protocol):
    """An image file that is kept in a larger one."""

    @property
    def length(self) -> int:
        """Its bytes."""

    def content(self) -> bytes:
        """The file's bytes; raises InputError if they cannot be read."""


def read_image(file: Path | Kept, needed: Rows | None = None) -> np.ndarray:
    """The image in a file, (H, W, 3) uint8 sRGB values, upright; an InputError names the file.

    Args:
        needed: as of `decode`.
    """
    try:
        return decode(file if isinstance(file, Path) else file.content(), needed=needed)
    except InputError as error:
        remedy = "; repair it or leave it out" if isinstance(file, Path) and file.exists() else ""
        raise InputError(f"image {file}: {error}{remedy}") from None


def to_rgb(image: Image.Image, *, transpose: bool = False) -> np.ndarray:
    """Convert an opened image of any mode to (H, W, 3) uint8 sRGB values, possibly read-only; `image` is unchanged.

    Transparent pixels are blended with black. Samples of more than 8 bits are scaled to 8: 16-bit samples by 1/257,
    others by the smallest of 1 (floats only), 255 and 65,535 that no value exceeds; if all are exceeded or a value is
    negative, the range from the image's minimum to its maximum is stretched to 0 to 255. NaN and infinities become 0.

    Args:
        image: the image, also one that is not loaded yet.
        transpose: whether to apply the EXIF orientation, as viewers do. Transforms do not: the image they get may
            have been transposed or cropped already.

    Raises:
        InputError: the mode cannot be converted to RGB, or the image has no pixels.
    """
    if 0 in image.size:
        raise InputError(f"image of {image.width} by {image.height} pixels is empty")
    image.load()  # some formats store EXIF data after the pixels
    if transpose and image.getexif().get(_ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode in _WIDE:
        return np.repeat(_to_8_bits(image)[:, :, None], 3, axis=2)
    try:
        if image.has_transparency_data:
            ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
            image = Image.alpha_composite(ground, image.convert("RGBA"))
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except ValueError as error:
        raise InputError(f"image of mode {image.mode}: {reason(error)}; convert it to RGB first") from error


def header_size(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """(H, W) from the header, without decoding the image; raises as `decode`."""
    with _opened(source) as image:
        return image.height, image.width


@contextlib.contextmanager
def _opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """Open an image; any exception inside the block becomes an InputError."""
    try:
        stream = io.BytesIO(source) if isinstance(source, bytes) else open_regular(source)
        with stream, Image.open(stream) as image:
            yield image
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError("not an image of a known format") from error
    except MemoryError as error:
        raise InputError("too large for this machine's memory") from error
    except Image.DecompressionBombError as error:
        raise InputError("too many pixels (Pillow's limit against decompression bombs)") from error
    except Exception as error:  # on damaged bytes Pillow's readers may raise anything
        if isinstance(error, OSError) and error.errno:  # from the system: missing, forbidden, too many open files
            raise InputError(reason(error).lower()) from error
        raise InputError(f"broken image: {reason(error)}") from error


def _to_8_bits(image: Image.Image) -> np.ndarray:
    """A single channel of more than 8 bits as (H, W) uint8, transparent pixels as 0."""
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
