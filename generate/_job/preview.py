"""Contact sheets of sets as files, and one that grows while its set is made."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from mixset import MixingSet
from mixset._common.errors import InputError
from mixset._common.files import check_file, format_of, save_image
from mixset._store import manifest
from mixset._store.sheet import check_page, sheet

IMAGES = 48
EVERY = 5.0
"""Seconds at least between two drawings."""
_SHARE = 0.05
"""Largest share of the time spent on drawing: a sheet takes some 0.4 s, and 1 ms for each shard."""


def write_sheet(images: MixingSet, path: Path, count: int, *, name: str, tile: int = 160) -> None:
    """Write a contact sheet of `count` images, evenly spread over a set, with its `name`, as `save_image` does.

    Raises:
        InputError: `path` cannot be written, or has the suffix of no image format.
        DamagedImage: an image of the sheet is damaged.
    """
    count = min(count, len(images))
    format_of(path)
    check_page(count, tile)
    chosen = [number * len(images) // count for number in range(count)]
    page = sheet(
        [images[index] for index in chosen],
        ["\n".join(images.caption(index)) for index in chosen],
        title=f"{name}: {count} of {len(images):,} images",
        tile=tile,
    )
    save_image(page, path)


class Preview:
    """A contact sheet of a set in the making, drawn again as its shards are finished.

    Args:
        path: the image file.
        out: the folder of the set.

    Raises:
        InputError: `path` cannot be written.
    """

    def __init__(self, path: Path, out: Path) -> None:
        format_of(path)
        check_file(path)
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
            write_sheet(MixingSet(*sources), self.path, IMAGES, name=self.out.resolve().name)
