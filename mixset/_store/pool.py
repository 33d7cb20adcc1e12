"""MixingPool: a mixing set at training size, one copy a machine whatever the number of processes."""

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
from .._common.console import Progress
from .._common.cores import usable_cores
from .._common.decoding import scale_and_crop, stamp
from .._common.errors import InputError, reading, reason
from .._common.jsons import json_hash
from .._common.locks import locked
from .._common.partials import remove_abandoned, replacing
from .._common.seals import seal_fits, seal_line
from .mixing_set import MixingSet

SMALLEST, LARGEST = 8, 4096
_IN_FLIGHT = 64  # images between reading and writing


class MixingPool:
    """A mixing set as one memory-mapped array, a little larger than the training images that are cropped from it.

    The array lies in a .npy file of the cache folder, made once for each content and size while other processes wait.
    Making it compares each shard's content hash, opening it the file's SHA-256. A pool pickles as its path; the hash is
    compared again where the file has changed since.

    Args:
        mixing_set: where the images come from; their short side is scaled, then the centre cropped.
        size: S or (H, W) of the training images, 8 to 4096.
        margin: False for images of exactly that size, of which no crops are taken.
        cache: a folder in place of `mixset._common.cache.cache_folder()`.
        quiet: no progress on stderr.

    Raises:
        InputError: a size out of range; no space in the cache folder.
        DamagedImage: a damaged image or shard.
    """

    images: np.ndarray
    """(N, h, w, 3) uint8, read-only, with (h, w) = (8 H // 7, 8 W // 7): 36 for 32, 256 for 224; (H, W) without a
    margin."""

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
        """Images per source; a source's images follow one another in `images`."""
        self.weights = mixing_set.weights
        """The share of each source in what is drawn; the sum is 1."""
        self.shape = (self.size[0] * 8 // 7, self.size[1] * 8 // 7) if margin else self.size
        """(h, w) of the pool's images."""
        folder = check_path("cache", cache) if cache is not None else cache_folder()
        key = json_hash([mixing_set.content_hash(), self.shape, PIL.__version__])
        self.path = folder / f"pool-{key[:24]}.npy"
        with locked(self.path.with_suffix(".lock")):
            if not _whole(self.path):
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
    """S or (H, W) as (H, W); InputError where a side is not a whole number from 8 to 4096."""
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or not all(SMALLEST <= side <= LARGEST for side in sides):
        raise InputError(f"size: {size!r} must be one or two whole numbers from {SMALLEST} to {LARGEST} (pixels)")
    return int(sides[0]), int(sides[1])


def _whole(path: Path) -> bool:
    """Whether a finished pool lies at `path`; one whose bytes have changed is told of and made again."""
    try:
        whole = seal_fits(path)
    except FileNotFoundError:
        return False
    except (OSError, InputError) as error:
        raise InputError(f"pool {path} cannot be read: {reason(error)}; remove it") from error
    if not whole:
        print(f"pool {path} is damaged, or of an earlier release: making it again", file=sys.stderr)
    return whole


def _build(path: Path, mixing_set: MixingSet, shape: tuple[int, int], quiet: bool) -> None:
    """Write the pool front to back. A memory map would be shorter, but a full disk kills its writer (SIGBUS)."""
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
