"""Labelled images of a data set: in memory, or read from their files at each access."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixset._common.cache import cache_folder
from mixset._common.cores import usable_cores
from mixset._common.cropping import crop_centre, scale_and_crop, scale_to_cover
from mixset._common.decoding import read_image
from mixset._common.errors import InputError
from mixset._common.locks import locked
from mixset._common.normalisation import HALF, Channels
from mixset._common.partials import remove_abandoned
from mixset._common.seals import read_sealed, write_sealed

from .sources import Files, Source, as_source, common_path, length_of
from .unreadable import Broken

Uint8 = NDArray[np.uint8]
Note = Callable[[int, InputError], None]
IN_MEMORY = 64
"""Folders of images up to this side are held in memory and cropped with padding; larger ones are read each time."""
KEPT_FROM, KEPT_BYTES = 5_000, 1 << 30
"""As many files and bytes of images are kept in the cache when they have been read, and no more bytes."""
SMALL_FILE = 8_192
"""Bytes from which on reading by threads is faster."""


def cover(image: Uint8, size: int) -> Uint8:
    """(H, W, 3) uint8 as (size, size, 3): the short side scaled to `size`, then the centre cropped."""
    return scale_and_crop(image, (size, size))


class LabelledImages(Sequence[tuple[Uint8, int]]):
    """Images of one size with their labels, in memory or read from their files at each access.

    `self[i]` is an image, (size, size, 3) uint8, and its label.

    Args:
        labels: (N,) int64.
        size: side of the images the network sees, in pixels.
        array: (N, size, size, 3) uint8, for images in memory.
        files: N image files, or places in shards, for those that are read; `self[i]` has its short side scaled to 8/7
            of `size` and its centre cropped (the standard test transform: 256 and 224).
    """

    def __init__(self, labels: NDArray[np.int64], size: int, *, array: Uint8 | None = None, files: Files = ()) -> None:
        self.labels, self.size, self.array, self.files = labels, size, array, as_source(files)

    def share(self, rank: int, world: int) -> LabelledImages:
        """One process's part of the images: each `world`-th, from number `rank` on."""
        array = None if self.array is None else self.array[rank::world]
        return LabelledImages(self.labels[rank::world], self.size, array=array, files=self.files[rank::world])

    def first(self, count: int, option: str) -> LabelledImages:
        """Some of the images: the first `count` / classes of each class, in their own order.

        Raises:
            InputError: a class has fewer, or the classes do not divide `count`; names the option.
        """
        classes = len(np.unique(self.labels))
        if count % classes:
            raise InputError(f"{option} {count}: must be a multiple of the {classes} classes, the same number of each")
        chosen = []
        for label in np.unique(self.labels):
            indices = np.flatnonzero(self.labels == label)
            if len(indices) < count // classes:
                raise InputError(f"{option} {count}: is {count // classes} of each class, and one has {len(indices)}")
            chosen.append(indices[: count // classes])
        return self.take(np.sort(np.concatenate(chosen)))

    def numbered(self, numbers: Sequence[int]) -> LabelledImages:
        """The same with the label `numbers[label]` for each label; those of −1 are left out."""
        labels = np.asarray(numbers, np.int64)[self.labels]
        return LabelledImages(labels, self.size, array=self.array, files=self.files).take(np.flatnonzero(labels >= 0))

    def take(self, indices: NDArray[np.int64]) -> LabelledImages:
        """The images at `indices`, (n,) whole numbers."""
        array = None if self.array is None else self.array[indices]
        files = self.files.take(indices) if self.array is None else ()
        return LabelledImages(self.labels[indices], self.size, array=array, files=files)

    def loaded(self, note: Note | None = None) -> LabelledImages:
        """The same in memory where they are small; `note` as of `read_all`."""
        if self.array is not None or self.size > IN_MEMORY:
            return self
        return LabelledImages(self.labels, self.size, array=read_all(self.files, self.size, note=note))

    @property
    def labelled(self) -> LabelledImages | tuple[Uint8, NDArray[np.int64]]:
        """The images as an evaluation takes them: (array, labels), or themselves where they are read from files."""
        return self if self.array is None else (self.array, self.labels)

    def fingerprint(self) -> str:
        """SHA-256 of labels, size, and names, lengths and times of files, or hashes of shards; reads no image."""
        digest = hashlib.sha256(f"{self.size}\n".encode())
        digest.update(self.labels.tobytes())
        for stamped in self.files.stamps():
            digest.update(stamped)
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        label = int(self.labels[index])
        if self.array is not None:
            return self.array[index], label
        larger = self.size * 8 // 7
        image = scale_to_cover(read_image(self.files[index]), (larger, larger))
        return np.ascontiguousarray(crop_centre(image, (self.size, self.size))), label


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set: what to train on, what to test on, and how its images are treated."""

    name: str
    classes: tuple[str, ...]
    train: LabelledImages
    test: LabelledImages
    mean: Channels = HALF
    std: Channels = HALF
    flip: bool = True
    """Whether a mirrored image shows the same thing."""
    fit: Callable[[Uint8, int], Uint8] = cover
    """How an image in memory was brought to its size: (H, W, 3) uint8 and a side to (side, side, 3)."""
    broken: tuple[Broken, ...] = ()
    """Training images that could not be read into memory; others are there in their place, with their labels."""
    stored: dict[str, Any] = field(default_factory=dict)
    """Of each part whose images were made smaller for a store: `side` and `jpeg`, the quality."""

    @property
    def size(self) -> int:
        """Side in pixels of the images the network sees."""
        return self.train.size


def read_all(files: Source, size: int, fit: Callable[[Uint8, int], Uint8] = cover, note: Note | None = None) -> Uint8:
    """Image files as one array, (N, size, size, 3) uint8.

    Reading tens of thousands of small files takes longer than many a use of them, so what was read is kept in the
    cache, one array for a folder and size; it is read again when a file's name, length or time has changed.

    Args:
        note: called with the index of each image that cannot be read, and the error; if it returns, something is in
            the image's place, and the array is not kept. By default the first such error is raised.
    """
    if len(files) < KEPT_FROM or len(files) * size * size * 3 > KEPT_BYTES:
        return _read_files(files, size, fit, note)[0]
    root = hashlib.sha256(common_path(files).encode()).hexdigest()[:16]
    digest = hashlib.sha256(f"{fit.__module__}.{fit.__name__}\n".encode())
    digest.update(LabelledImages(np.zeros(0, np.int64), size, files=files).fingerprint().encode())
    kept = cache_folder() / "images" / f"{root}-{size}-{digest.hexdigest()[:32]}.npy"
    with locked(kept.with_name(f"{root}-{size}.lock")):  # of runs that start together one reads
        with contextlib.suppress(InputError):  # absent, or not as it was written: it is made again
            content, sealed = read_sealed(kept, f"kept images {kept}", "they are read again")
            if sealed:
                return np.load(io.BytesIO(content), allow_pickle=False)
        images, whole = _read_files(files, size, fit, note)
        if not whole:
            return images
        with contextlib.suppress(OSError, InputError):  # no room: it is read again the next time
            remove_abandoned(kept.parent)
            for older in kept.parent.glob(f"{root}-{size}-*.npy"):
                older.unlink(missing_ok=True)
            made = io.BytesIO()
            np.save(made, images)
            write_sealed(kept, made.getbuffer())
        return images


def _read_files(files: Source, size: int, fit: Callable[[Uint8, int], Uint8], note: Note | None) -> tuple[Uint8, bool]:
    """The images, and whether all could be read."""
    out = np.empty((len(files), size, size, 3), np.uint8)

    def read_into(index: int) -> bool:
        try:
            out[index] = fit(read_image(files[index]), size)
        except InputError as error:
            if note is None:
                raise
            note(index, error)
            return False
        return True

    # Pillow decodes without the interpreter's lock, but of small files decoding is so little that threads only get into
    # each other's way: 60,000 of CIFAR-10's take twice as long.
    threads = 1 if length_of(files[0]) < SMALL_FILE else min(32, usable_cores() + 4)
    with ThreadPoolExecutor(threads) as pool:
        read = [*pool.map(read_into, range(len(files)))]
    return out, all(read)
