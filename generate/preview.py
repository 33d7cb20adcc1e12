"""Contact sheets of sets as files, and one that grows while its set is made."""

from __future__ import annotations

import contextlib
import io
import os
import time
from pathlib import Path

from PIL import Image

from mixset import MixingSet, manifest
from mixset.errors import InputError, reason
from mixset.partials import write_atomically
from mixset.sheet import check_page, sheet

PICTURES = 48
EVERY = 5.0
"""Seconds at least between two drawings."""
_SHARE = 0.05
"""Of the time for drawings at most: each takes some 0.4 s, and 1 ms for each shard."""


def write_sheet(pictures: MixingSet, path: Path, count: int, *, name: str, tile: int = 160) -> None:
    """Write a contact sheet of `count` pictures, evenly spread over a set, with its `name`; atomically.

    Raises:
        InputError: `path` cannot be written, or has the suffix of no picture format.
        DamagedPicture: a picture of the sheet is damaged.
    """
    count = min(count, len(pictures))
    kind = _format(path)
    check_page(count, tile)
    chosen = [number * len(pictures) // count for number in range(count)]
    page = sheet(
        [pictures[index] for index in chosen],
        ["\n".join(pictures.caption(index)) for index in chosen],
        title=f"{name}: {count} of {len(pictures):,} pictures",
        tile=tile,
    )
    content = io.BytesIO()
    try:
        page.save(content, kind)
    except Exception as error:  # JPEG and WebP hold 65,535 and 16,383 pixels a side, and each format says it otherwise
        raise InputError(f"cannot write {path} as {kind}: {reason(error)}; use .png, or fewer pictures") from error
    write_atomically(path, content.getvalue())


def _format(path: Path) -> str:
    """Pillow's name for what the suffix says; InputError where it can write none."""
    name = Image.registered_extensions().get(path.suffix.lower(), "")
    if name not in Image.SAVE:
        raise InputError(f"{path}: no picture format has this suffix; use .png or .jpg")
    return name


class Preview:
    """A contact sheet of a set in the making, drawn again as its shards are finished.

    Args:
        path: the picture file.
        out: the folder of the set.

    Raises:
        InputError: `path` cannot be written.
    """

    def __init__(self, path: Path, out: Path) -> None:
        _format(path)
        folder = path.parent
        if path.is_dir():
            raise InputError(f"cannot write {path}: it is a folder; give a file, for example {path / 'sheet.png'}")
        if not folder.is_dir() and folder.absolute() != out.absolute():
            raise InputError(f"cannot write {path}: there is no folder {folder}; make it or choose another one")
        if folder.is_dir() and not os.access(folder, os.W_OK):
            raise InputError(f"cannot write {path}: permission denied; choose another folder")
        self.path, self.out = path, out
        self.shards: list[Path] = []
        self.due = 0.0

    def add(self, shard: Path) -> None:
        """Note a finished shard, and draw if that is some time ago; a sheet that fails is not worth the job."""
        self.shards.append(shard)
        start = time.monotonic()
        if start >= self.due:
            with contextlib.suppress(InputError):
                self.draw()
            end = time.monotonic()
            self.due = end + max(EVERY, (end - start) / _SHARE)

    def draw(self) -> None:
        """Draw what is there; raises as `write_sheet`."""
        finished = (self.out / manifest.NAME).exists()
        sources = [self.out] if finished else sorted(self.shards)
        if sources:
            write_sheet(MixingSet(*sources), self.path, PICTURES, name=self.out.resolve().name)
