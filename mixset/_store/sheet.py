"""Contact sheets: many images on one page, each with a caption."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .._common.errors import InputError, counted, printable

PAPER, INK, FAINT = (250, 250, 248), (38, 38, 42), (120, 120, 126)
_GAP = 10
MOST_PIXELS = 1 << 28
"""The most pixels of a page: 16,384 × 16,384."""


def sheet(
    images: Sequence[np.ndarray],
    captions: Sequence[str] | None = None,
    *,
    title: str = "",
    columns: int | None = None,
    tile: int = 160,
    letters: int | None = None,
) -> Image.Image:
    """Lay images out in a grid, row by row.

    Small images are enlarged by whole factors without smoothing, which shows their pixels; large ones are scaled down.
    Captions may have several lines; lines too wide for the tile are wrapped.

    Args:
        images: each (H, W, 3) or (H, W) uint8; sizes may differ.
        captions: one for each image; default: none.
        title: a line at the top.
        columns: images per row; default: as many as make the page slightly wider than high.
        tile: side in pixels of the square into which each image is fitted.
        letters: size of the captions' letters in pixels; default: a fourteenth of `tile`, at least 11.

    Returns:
        The page, an RGB image.

    Raises:
        InputError: there are no images, the number of captions differs, or the page would exceed 2**28 pixels.

    Example:
        >>> import mixset
        >>> mixset.sheet(mixset.MixingSet("my-set")[:4], title="My set").save("sheet.png")
    """
    check_page(len(images), tile)
    if not len(images):
        raise InputError("a contact sheet needs at least one image")
    if captions is not None and len(captions) != len(images):
        raise InputError(f"captions: {len(captions)} for {len(images)} images; give one for each")
    columns = columns or min(len(images), math.ceil(math.sqrt(1.4 * len(images))))
    tiles = [_fit(Image.fromarray(np.ascontiguousarray(image)).convert("RGB"), tile) for image in images]
    tile = max(max(fitted.size) for fitted in tiles)
    font = ImageFont.load_default(letters or max(11, tile // 14))
    title_font = ImageFont.load_default(max(16, tile // 9))
    title = printable(title)
    lines = [_wrap(printable(caption, keep="\n"), font, tile) for caption in captions or [""] * len(images)]
    line_height = _height(font)
    head = _GAP + (_height(title_font) + _GAP if title else 0)
    below = [max(map(len, row)) * line_height + _GAP for row in _rows(lines, columns)]
    tops = [head + row * (tile + 4) + sum(below[:row]) for row in range(len(below))]

    width = max(_GAP + columns * (tile + _GAP), math.ceil(title_font.getlength(title)) + 2 * _GAP)
    page = Image.new("RGB", (width, tops[-1] + tile + 4 + below[-1]), PAPER)
    draw = ImageDraw.Draw(page)
    if title:
        draw.text((_GAP, _GAP), title, INK, title_font)
    for index, fitted in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = _GAP + column * (tile + _GAP), tops[row]
        page.paste(fitted, (left + (tile - fitted.width) // 2, top + (tile - fitted.height) // 2))
        for number, line in enumerate(lines[index]):
            draw.text((left, top + tile + 4 + number * line_height), line, FAINT if number else INK, font)
    return page


def check_page(count: int, tile: int) -> None:
    """Raise InputError if a page of `count` images of `tile` pixels would be too large."""
    if tile < 1 or count * tile * tile > MOST_PIXELS:
        raise InputError(
            f"a contact sheet of {counted(count, 'image')} of {tile} pixels is too large; take fewer or smaller ones"
        )


def _rows(items: Sequence[list[str]], columns: int) -> list[Sequence[list[str]]]:
    return [items[start : start + columns] for start in range(0, len(items), columns)]


def _fit(image: Image.Image, tile: int) -> Image.Image:
    side = max(image.size)
    if side <= tile:
        factor = tile // side
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = (max(1, image.width * tile // side), max(1, image.height * tile // side))
    return image.resize(size, Image.Resampling.LANCZOS)


def _height(font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> int:
    return math.ceil(font.getbbox("Áy")[3] * 1.2)


def _wrap(caption: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Split a caption into lines of at most `width` pixels, at spaces or, in words longer than a line, anywhere."""
    lines = []
    for paragraph in caption.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            while font.getlength(word) > width:
                cut = max(1, next(n for n in range(len(word), 0, -1) if n == 1 or font.getlength(word[:n]) <= width))
                lines.append(word[:cut])
                word = word[cut:]
            line = word
        lines.append(line)
    return lines
