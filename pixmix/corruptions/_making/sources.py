"""Image sets to corrupt: in memory, or read from files as by the benchmarks' scripts for ImageNet."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixset._common.cropping import crop_centre, scale_to_cover
from mixset._common.decoding import Kept, read_image
from mixset._common.errors import InputError

from .._shared.base import SMALL, ImageArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """An image set with labels, or a contiguous part of one.

    Raises:
        InputError: there are no images, or their number differs from that of labels or names.
    """

    name: str
    """The name of the data set."""

    size: int
    """The side of the corrupted images in pixels."""

    labels: np.ndarray
    """The labels, (N,) whole numbers."""

    array: np.ndarray | None = None
    """Images in memory, (N, size, size, 3) uint8."""

    files: tuple[Path | Kept, ...] = ()
    """N image files, if `array` is None; their short side is resized to 8/7 of `size` (256 for 224)."""

    names: tuple[str, ...] = ()
    """CLASS/NAME of each image, from which its files are named; needed for large images."""

    subset: int | None = None
    """The number of the data set's images that were requested; None for all."""

    classes: tuple[str, ...] = ()
    """The names of the classes in the order of labels, to match them with networks whose order differs."""

    first: int = 0
    """The index of the first image in the whole set, which its random numbers depend on."""

    def __post_init__(self) -> None:
        count = len(self.files if self.array is None else self.array)
        if not count or count != len(self.labels) or (self.names and count != len(self.names)):
            raise InputError(f"data set {self.name}: {count} images, but {len(self.labels)} labels")
        if self.size > SMALL and not self.names:
            raise InputError(f"data set {self.name}: images of {self.size} px are written to files and need names")

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> Source:
        """The images from `start` to `stop` − 1, to be sent to another process."""
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
        """An image before cropping, (H, W, 3) uint8: from memory as it is, or from a file after resizing."""
        if self.array is not None:
            return self.array[index]
        short = self.size * 8 // 7
        return scale_to_cover(read_image(self.files[index]), (short, short))

    def cropped(self, index: int) -> ImageArray:
        """The centre crop of an image, (size, size, 3) uint8."""
        return np.ascontiguousarray(crop_centre(self.uncropped(index), (self.size, self.size)))

    def fingerprint(self) -> str:
        """A SHA-256 that identifies the set: of its labels and its array, or its files' names and sizes."""
        digest = hashlib.sha256(np.asarray(self.labels, np.int64).tobytes())
        if self.array is not None:
            digest.update(np.ascontiguousarray(self.array).data)
        for name, file in zip(self.names, self.files, strict=False):
            digest.update(f"{name} {_length(file)}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def _length(file: Path | Kept) -> int:
    if not isinstance(file, Path):
        return file.length
    try:
        return file.stat().st_size
    except OSError as error:
        raise InputError(f"image {file}: {(error.strerror or 'not readable').lower()}") from None


def file_names(files: Sequence[Path], root: Path, classes: Sequence[str]) -> tuple[str, ...]:
    """CLASS/NAME for each of the image files below `root`, in which deeper folders are joined by `_`.

    The suffix is dropped unless two names would be equal; if they still are, a number is appended.

    Args:
        files: image files below `root`.
        root: the folder of the set.
        classes: the class of each file.
    """
    parts = [file.relative_to(root).parts for file in files]
    inner = [rest[1:] if rest[0] == kind else rest for kind, rest in zip(classes, parts, strict=True)]
    stems = [f"{kind}/{Path('_'.join(rest)).stem}" for kind, rest in zip(classes, inner, strict=True)]
    counts = Counter(stems)
    candidates = [stem if counts[stem] == 1 else stem + file.suffix for stem, file in zip(stems, files, strict=True)]
    names: dict[str, None] = {}
    for candidate in candidates:
        name, number = candidate, 1
        while name in names:
            number += 1
            name = f"{candidate}_{number}"
        names[name] = None
    return tuple(names)
