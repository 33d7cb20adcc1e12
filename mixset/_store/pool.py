"""MixingPool: a mixing set at training size, of which all processes on a machine share one copy."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from .._common.arguments import check_flag, check_path
from .._common.cache import cache_folder
from .._common.cores import usable_cores
from .._common.cropping import scale_and_crop
from .._common.decoding import stamp
from .._common.errors import InputError, reading, reason
from .._common.jsons import json_hash
from .._common.locks import locked
from .._common.partials import remove_abandoned, replacing
from .._common.progress import Progress
from .._common.seals import seal_fits, seal_line
from .mixing_set import MixingSet

SMALLEST, LARGEST = 8, 4096
_IN_FLIGHT = 64  # images read but not yet written


class MixingPool:
    """A mixing set as one memory-mapped array of images slightly larger than the crops used in training.

    The array is a `.npy` file in the cache folder, made once per content and size while other processes wait. Shards
    are verified when it is made, and the file's SHA-256 is checked when it is opened. A pool pickles as its path; the
    SHA-256 is checked again if the file has changed since.

    Args:
        mixing_set: the images; each is resized to cover the pool's size and cropped at the centre.
        size: S or (H, W) of the training images in pixels, 8 to 4096.
        margin: False for images of exactly `size`, from which no crops are taken.
        cache: the folder of the file; default: the cache folder (`$PIXMIX_CACHE`, else `~/.cache/pixmix`).
        quiet: show no progress.

    Raises:
        InputError: `size` is out of range, or the cache folder is full.
        DamagedImage: an image or shard is damaged.

    Example:
        >>> import mixset
        >>> pool = mixset.MixingPool(mixset.MixingSet("my-set"), 32, quiet=True)
        >>> pool.images.shape  # 32 px are cropped from 36
        (6, 36, 36, 3)
    """

    images: np.ndarray
    """All images, (N, h, w, 3) uint8, read-only; h = 8 H // 7 and w = 8 W // 7 (36 for 32, 256 for 224), or H and W
    without margin."""

    def __init__(
        self,
        mixing_set: MixingSet,
        size: int | tuple[int, int],
        *,
        margin: bool = True,
        cache: str | os.PathLike[str] | None = None,
        quiet: bool = False,
    ) -> None:
        if not isinstance(mixing_set, MixingSet):
            raise InputError(f"mixing set: an opened MixingSet is needed, got {type(mixing_set).__name__}")
        check_flag("margin", margin)
        self.size = check_size(size)
        """(H, W) of the training images."""
        self.counts = mixing_set.counts
        """The number of images of each source; a source's images are contiguous in `images`."""
        self.weights = mixing_set.weights
        """The probability that a mixing image is drawn from each source; they sum to 1."""
        self.shape = (self.size[0] * 8 // 7, self.size[1] * 8 // 7) if margin else self.size
        """(h, w) of the pool's images."""
        folder = check_path("cache", cache) if cache is not None else cache_folder()
        key = json_hash([mixing_set.content_hash(), self.shape, PIL.__version__])
        self.path = folder / f"pool-{key[:24]}.npy"
        with locked(self.path.with_suffix(".lock")):
            if not _is_intact(self.path):
                _build(self.path, mixing_set, self.shape, quiet)
            self._stamp = stamp(self.path)
        self._map()

    def _map(self) -> None:
        with reading(f"pool {self.path}", "make it again from its mixing set"):
            if stamp(self.path) != self._stamp and not seal_fits(self.path):
                raise ValueError("its SHA-256 does not match")
            self.images = np.load(self.path, mmap_mode="r", allow_pickle=False)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"MixingPool({len(self):,} images of {self.shape[0]}x{self.shape[1]} in {self.path})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "images"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._map()


def check_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """S or (H, W) as (H, W); raises InputError unless both sides are whole numbers from 8 to 4096."""
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or not all(SMALLEST <= side <= LARGEST for side in sides):
        raise InputError(f"size: {size!r} must be one or two whole numbers from {SMALLEST} to {LARGEST} (pixels)")
    return int(sides[0]), int(sides[1])


def _is_intact(path: Path) -> bool:
    """Whether `path` is a finished, undamaged pool; prints a line if it is damaged."""
    try:
        intact = seal_fits(path)
    except FileNotFoundError:
        return False
    except (OSError, InputError) as error:
        raise InputError(f"pool {path} cannot be read: {reason(error)}; remove it") from error
    if not intact:
        print(f"pool {path} is damaged, or of an earlier release: making it again", file=sys.stderr)
    return intact


def _build(path: Path, mixing_set: MixingSet, shape: tuple[int, int], quiet: bool) -> None:
    """Write the pool sequentially; with a memory map, a full disk would kill the process (SIGBUS)."""
    remove_abandoned(path.parent)
    digest = hashlib.sha256()
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(mixing_set), *shape, 3)}
    with (
        replacing(path, "free space or set PIXMIX_CACHE to another folder") as file,
        Progress(len(mixing_set), "images into the pool", quiet=quiet) as progress,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        file.seek(0)
        digest.update(file.read())
        for image in _scaled(mixing_set, shape):
            digest.update(image.data)
            file.write(image.data)
            progress.advance()
        file.write(seal_line(digest.hexdigest()))


def _scaled(mixing_set: MixingSet, shape: tuple[int, int]) -> Iterator[np.ndarray]:
    readers = mixing_set.readers()
    with ThreadPoolExecutor(usable_cores()) as threads:
        while batch := list(islice(readers, _IN_FLIGHT)):
            yield from threads.map(lambda read: scale_and_crop(read(), shape), batch)
