"""Images of one set that are in another, so that nothing is fitted on what is measured."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from mixset._common.decoding import stamp
from mixset._common.errors import InputError
from mixset._stored.stored_files import StoredFile

from ..readers import ImageFiles
from .image_sets import ImageSet

FEW = 0.01
"""The share of images in common that is let pass: CIFAR-10 and others have a few images in two of their own parts."""


def check_apart(name: str, images: ImageSet, what: str, measured: ImageSet) -> None:
    """InputError where more than a few images of a set are measured, too, as far as can be seen.

    Images in memory are compared by their content, those in files by their paths, and by their bytes where some are
    in a stored training set; of other kinds nothing is known.

    Args:
        name: the argument that gave `images`.
        what: the measured images' name.
    """
    shared = _shared(images, measured)
    if shared > FEW * len(images):
        raise InputError(f"{name}: {shared:,} of its {len(images):,} images are among the {what}; give others")


def _shared(images: ImageSet, measured: ImageSet) -> int:
    """How many images are in both."""
    if images.array is not None and measured.array is not None:
        return len(_hashes(images.array) & _hashes(measured.array))
    files, others = _files(images), _files(measured)
    own, paths = _paths(files), _paths(others)
    if len(own) < len(files) or len(paths) < len(others):
        lengths = {_length(file) for file in files}  # of the other files only those are read that have one of these
        return len(_checksums(files) & _checksums([file for file in others if _length(file) in lengths]))
    real = {os.path.realpath(file) for file in own}
    names = {os.path.basename(path) for path in real}  # following a million links takes minutes on a network disk
    return len(real & {os.path.realpath(file) for file in paths if file.name in names})


def _hashes(array: np.ndarray) -> set[bytes]:
    """The hash of each image's content."""
    return {hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest() for row in array}


def _files(images: ImageSet) -> Collection[Path | StoredFile]:
    """The files of images that are read from files."""
    items = images.items
    if isinstance(items, ImageFiles):
        return [items.root / name for name in items.names]
    return getattr(items, "files", ())


def _paths(files: Collection[Path | StoredFile]) -> list[Path]:
    return [file for file in files if not isinstance(file, StoredFile)]


def _length(file: Path | StoredFile) -> int:
    return file.length if isinstance(file, StoredFile) else stamp(file)[0]


def _checksums(files: Collection[Path | StoredFile]) -> set[tuple[int, int]]:
    """Length and CRC-32 of each file."""
    stored = {(file.length, file.crc) for file in files if isinstance(file, StoredFile)}
    contents = (file.read_bytes() for file in _paths(files))
    return stored | {(len(content), zlib.crc32(content)) for content in contents}
