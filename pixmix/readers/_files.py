"""Images in files, read when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mixset._common.decoding import decode, stamp
from mixset._common.errors import InputError

Fit = Callable[[Image.Image], np.ndarray]
"""An RGB image to (S, S, 3) uint8: a `Transform`."""


def read_image(path: Path, fit: Fit) -> np.ndarray:
    """The image in a file as (S, S, 3) uint8.

    As `mixset._common.decoding.decode` has it, but not turned by what EXIF says: so the benchmarks' own code reads it.

    Raises:
        InputError: it cannot be read, with its name.
    """
    try:
        return fit(Image.fromarray(decode(path, transpose=False)))
    except InputError as error:
        raise InputError(f"image {path}: {error}; mend it or take it out of the set") from None


def stamped(name: str, path: Path) -> bytes:
    """A file's name (of any bytes), length and time, for a fingerprint."""
    return "{}\0{}\0{}\n".format(name, *stamp(path)).encode(errors="surrogateescape")


class ImageFiles(Sequence[tuple[np.ndarray, int]]):
    """Labelled images in files; `self[i]` is the image, (S, S, 3) uint8, and its label.

    Args:
        root: the folder they are below.
        names: where each is below it.
        labels: (N,) class numbers, −1 for what has none.
        fit: what makes them one size.
    """

    def __init__(self, root: Path, names: Sequence[str], labels: np.ndarray, fit: Fit) -> None:
        self.root, self.names, self.labels, self.fit = root, names, labels.astype(np.int64), fit

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index):
        return read_image(self.root / self.names[index], self.fit), int(self.labels[index])

    def take(self, indices: np.ndarray) -> ImageFiles:
        """Those at `places`, (n,) whole numbers."""
        return ImageFiles(self.root, [self.names[index] for index in indices], self.labels[indices], self.fit)

    def fingerprint(self) -> str:
        """SHA-256 of names, labels, lengths and times of the files, and of what is done to them; reads no image."""
        digest = hashlib.sha256(f"{self.fit}\n".encode())
        digest.update(self.labels.tobytes())
        for name in self.names:
            digest.update(stamped(name, self.root / name))
        return digest.hexdigest()
