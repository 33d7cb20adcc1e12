"""Labelled images in files, which are read on access."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mixset._common.decoding import decode, stamp
from mixset._common.errors import InputError

Fit = Callable[[Image.Image], np.ndarray]
"""A transform from an RGB image to (S, S, 3) uint8, such as a `Transform`."""


def read_image(path: Path, fit: Fit) -> np.ndarray:
    """Read an image as (S, S, 3) uint8, ignoring its EXIF orientation as the benchmarks' own code does.

    Raises:
        InputError: it cannot be read; the message names the file.
    """
    try:
        return fit(Image.fromarray(decode(path, transpose=False)))
    except InputError as error:
        raise InputError(f"image {path}: {error}; repair it or remove it from the set") from None


def stamped(name: str, path: Path) -> bytes:
    """A file's name (of any bytes), size and time of change, for a fingerprint."""
    return "{}\0{}\0{}\n".format(name, *stamp(path)).encode(errors="surrogateescape")


class ImageFiles(Sequence[tuple[np.ndarray, int]]):
    """Labelled images in files, as a sequence of (image, label) with images (S, S, 3) uint8.

    Args:
        root: the folder that holds the files.
        names: the path of each file, relative to `root`.
        labels: (N,) class numbers, −1 for images without a class.
        fit: the transform that brings all images to one size, for example `IMAGENET`.

    Raises:
        InputError: on access, if an image cannot be read.
    """

    def __init__(self, root: Path, names: Sequence[str], labels: np.ndarray, fit: Fit) -> None:
        self.root, self.names, self.labels, self.fit = root, names, labels.astype(np.int64), fit

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: Any) -> Any:
        return read_image(self.root / self.names[index], self.fit), int(self.labels[index])

    def take(self, indices: np.ndarray) -> ImageFiles:
        """The images at `indices`, (n,) whole numbers."""
        return ImageFiles(self.root, [self.names[index] for index in indices], self.labels[indices], self.fit)

    def fingerprint(self) -> str:
        """A SHA-256 of the files' names, labels, sizes and times, and of the transform; reads no image."""
        digest = hashlib.sha256(f"{self.fit}\n".encode())
        digest.update(self.labels.tobytes())
        for name in self.names:
            digest.update(stamped(name, self.root / name))
        return digest.hexdigest()
