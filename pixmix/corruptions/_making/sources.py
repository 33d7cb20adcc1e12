"""ImageArray sets to corrupt: in memory, or read from files as the scripts of the benchmarks read ImageNet's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixset._common.decoding import decode, scale_and_crop
from mixset._common.errors import InputError

from .._p.base import centre
from .._shared.base import SMALL, ImageArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Images with their labels, or some of them in a row.

    Raises:
        InputError: no images, or other numbers of labels or names.
    """

    name: str
    """Of the data set."""

    size: int
    """Side in pixels of what is made."""

    labels: np.ndarray
    """(N,) whole numbers."""

    array: np.ndarray | None = None
    """(N, size, size, 3) uint8, for images in memory."""

    files: tuple[Path, ...] = ()
    """N image files, for those that are read: their short side is scaled to 8/7 of `size`, 256 for 224."""

    names: tuple[str, ...] = ()
    """CLASS/NAME of each image, as its files are called; needed for large images."""

    subset: int | None = None
    """How many of the data set's images were asked for; None for all."""

    classes: tuple[str, ...] = ()
    """Names of classes by label, so that a network with another order of them is measured rightly."""

    first: int = 0
    """The number of the first of these images in the whole set, by which their randomness goes."""

    def __post_init__(self) -> None:
        count = len(self.files if self.array is None else self.array)
        if not count or count != len(self.labels) or (self.names and count != len(self.names)):
            raise InputError(f"data set {self.name}: {count} images and {len(self.labels)} labels; it needs as many")
        if self.size > SMALL and not self.names:
            raise InputError(f"data set {self.name}: images of {self.size} px need names, for they become files")

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> Source:
        """The images from `start` up to, but without, `stop`; cheap to send to another process."""
        return Source(
            name=self.name,
            size=self.size,
            labels=self.labels[start:stop],
            array=None if self.array is None else self.array[start:stop],
            files=self.files[start:stop],
            names=self.names[start:stop],
            classes=self.classes,
            first=self.first + start,
        )

    def uncropped(self, index: int) -> ImageArray:
        """An image as large as there is of it: what is in memory as it is, a file's before its centre is cropped."""
        if self.array is not None:
            return self.array[index]
        image, short = _read(self.files[index]), self.size * 8 // 7
        height, width = image.shape[:2]
        shape = (short, short * width // height) if height <= width else (short * height // width, short)
        return scale_and_crop(image, shape)

    def cropped(self, index: int) -> ImageArray:
        """An image, (size, size, 3) uint8."""
        return np.ascontiguousarray(centre(self.uncropped(index), self.size))

    def fingerprint(self) -> str:
        """SHA-256 by which another set of the same name is told: of arrays, or of files' names and lengths."""
        digest = hashlib.sha256(np.asarray(self.labels, np.int64).tobytes())
        if self.array is not None:
            digest.update(np.ascontiguousarray(self.array).data)
        for name, file in zip(self.names, self.files, strict=False):
            digest.update(f"{name} {_length(file)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def _read(file: Path) -> ImageArray:
    """The image in a file, (H, W, 3) uint8; a broken one raises InputError with the file's name."""
    try:
        return decode(file)
    except InputError as error:
        raise InputError(f"image {file}: {error}; repair it or leave it out") from None


def _length(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise InputError(f"image {file}: {(error.strerror or 'not readable').lower()}") from None


def file_names(files: Sequence[Path], root: Path, classes: Sequence[str]) -> tuple[str, ...]:
    """CLASS/NAME of image files below `root` in these classes: what lies deeper gets _ for /.

    The suffix goes, but stays where two names would be the same without; where they still are, a number follows.
    """
    parts = [file.relative_to(root).parts for file in files]
    inner = [rest[1:] if rest[0] == kind else rest for kind, rest in zip(classes, parts, strict=True)]
    stems = [f"{kind}/{Path('_'.join(rest)).stem}" for kind, rest in zip(classes, inner, strict=True)]
    taken = Counter(stems)
    names = [stem if taken[stem] == 1 else stem + file.suffix for stem, file in zip(stems, files, strict=True)]
    found: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found[unique] = None
    return tuple(found)
