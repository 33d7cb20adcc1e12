"""Any picture file or picture to (H, W, 3) uint8: decoding as photographs deserve it, scaling and cropping."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .errors import InputError

_FORMATS = "jpg jpeg jpe jfif png apng bmp dib gif webp tif tiff ppm pgm pbm pnm tga jp2 j2k avif"
SUFFIXES = frozenset("." + name for name in _FORMATS.split())
_BROKEN = (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, EOFError, OverflowError, RuntimeError)


def is_picture(name: str) -> bool:
    """Whether a file of this name is taken for a picture: by its suffix, hidden files left out."""
    return os.path.splitext(name)[1].lower() in SUFFIXES and not os.path.basename(name).startswith(".")


def list_pictures(folder: Path) -> list[Path]:
    """Every picture file below `folder`, at any depth, links followed once, sorted by its path."""
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    for base, folders, names in os.walk(folder, followlinks=True):
        status = os.stat(base)
        if (status.st_dev, status.st_ino) in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(base, name) for name in names if is_picture(name)]
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def stamp(path: Path) -> tuple[int, int]:
    """(bytes, nanoseconds of the last change) of a file, or -1 and -1 where it cannot be had."""
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def decode(source: str | os.PathLike[str] | bytes, *, at_least: tuple[int, int] | None = None) -> np.ndarray:
    """The picture in a file (or in its bytes) as (H, W, 3) uint8 sRGB values.

    EXIF rotation is applied; of an animation the first frame is taken; what is transparent lies on black; 16-bit and
    float samples are scaled to 8 bits.

    Args:
        at_least: (h, w); a JPEG at least twice this large may be decoded at 1/2, 1/4 or 1/8 of its size.

    Raises:
        InputError: with the reason in a few words and without the file's name.
    """
    with _opened(source) as picture:
        if at_least is not None and picture.format == "JPEG":
            side = 2 * max(at_least)  # twice, for what is scaled next; the longer, for EXIF may turn the picture
            picture.draft(None, (side, side))
        return _to_rgb(picture)


def header_size(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """(H, W) as the header has it, nothing decoded; raises as `decode`."""
    with _opened(source) as picture:
        return picture.height, picture.width


@contextlib.contextmanager
def _opened(source: str | os.PathLike[str] | bytes) -> Iterator[Image.Image]:
    """An opened picture; whatever goes wrong with it inside the block becomes an InputError."""
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
            yield picture
    except InputError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise InputError((error.strerror or "not readable").lower()) from error
    except Image.UnidentifiedImageError as error:
        raise InputError("no picture of a known format") from error
    except MemoryError as error:
        raise InputError("too large for this machine's memory") from error
    except Image.DecompressionBombError as error:
        raise InputError("too many pixels (Pillow's limit against files made to fill the memory)") from error
    except _BROKEN as error:
        raise InputError(f"broken picture: {(str(error).splitlines() or [type(error).__name__])[0]}") from error


def _to_rgb(picture: Image.Image) -> np.ndarray:
    picture.seek(0)
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)  # else it makes a copy of what need not be turned
    if picture.mode in ("I", "F", "I;16", "I;16L", "I;16B", "I;16N"):
        grey = _to_8_bits(np.asarray(picture))
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(ground, picture)
    return np.array(picture if picture.mode == "RGB" else picture.convert("RGB"))


def _to_8_bits(grey: np.ndarray) -> np.ndarray:
    """16-bit samples by their upper byte; floats in [0, 1] by 255; anything wider by its own range."""
    values = np.nan_to_num(grey.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if grey.dtype.kind == "f" and low >= 0 and high <= 1:
        scaled = values * 255
    elif grey.dtype.kind != "f" and low >= 0 and high <= 65535:
        scaled = values / 257
    else:
        scaled = (values - low) * (255 / max(high - low, 1e-12))
    return np.rint(scaled).astype(np.uint8)


def scale_and_crop(picture: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Scale (H, W, 3) uint8 until it just covers `shape` (h, w), then crop the centre: (h, w, 3) uint8.

    For a square `shape` this is torchvision's `Resize(h)` (bilinear, antialiased) and `CenterCrop(h)` on PIL images,
    bit for bit.
    """
    height, width = picture.shape[:2]
    h, w = shape
    if height * w <= width * h:
        scaled_height, scaled_width = h, h * width // height
    else:
        scaled_height, scaled_width = w * height // width, w
    if (scaled_height, scaled_width) != (height, width):
        scaled = Image.fromarray(picture).resize((scaled_width, scaled_height), Image.Resampling.BILINEAR)
        picture = np.asarray(scaled)
    top, left = round((scaled_height - h) / 2), round((scaled_width - w) / 2)
    return np.ascontiguousarray(picture[top : top + h, left : left + w])
