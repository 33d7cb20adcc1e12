"""Images of one set that are in another, so that nothing is fitted on what is measured."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Collection, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.decoding import stamp
from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular
from mixset._stored.stored_files import StoredFile

from ..readers import ImageFiles
from .image_sets import ImageSet

File = Path | StoredFile

FEW = 0.01
"""The share of images in common that is let pass: CIFAR-10 and others have a few images in two of their own parts."""
_THREADS = 16
"""Files that are asked for at a time: on a network disk each answer takes its time."""
_END = 4096
"""Bytes at the end of a file, where images that have one length and one header differ."""


def check_apart(name: str, images: ImageSet, what: str, measured: ImageSet) -> None:
    """InputError where more than a few images of a set are measured, too, as far as can be seen.

    Images in memory are compared by their content, those in files by their paths and then by their bytes, of which
    only those are read that could be equal; of other kinds nothing is known. The same image in other bytes, scaled or
    compressed again, is another image here.

    Args:
        name: the argument that gave `images`.
        what: the measured images' name.
    """
    shared = _shared(images, measured)
    if shared > FEW * len(images):
        raise InputError(f"{name}: {shared:,} of its {len(images):,} images are among the {what}; give others")


def _shared(images: ImageSet, measured: ImageSet) -> int:
    """How many images are in both; of files, at least so many as would be refused."""
    if images.array is not None and measured.array is not None:
        theirs = {*_hashes(measured.array)}
        return sum(each in theirs for each in _hashes(images.array))
    files, others = _files(images), _files(measured)
    by_path = _at_one_path(_paths(files), _paths(others))
    return by_path if by_path > FEW * len(images) else _of_one_content(files, others)


def _hashes(array: np.ndarray) -> Iterator[bytes]:
    """The hash of each image's content."""
    return (hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=16).digest() for row in array)


def _files(images: ImageSet) -> Collection[File]:
    """The files of images that are read from files."""
    items = images.items
    if isinstance(items, ImageFiles):
        return [items.root / name for name in items.names]
    return getattr(items, "files", ())


def _paths(files: Collection[File]) -> list[Path]:
    return [file for file in files if not isinstance(file, StoredFile)]


def _at_one_path(files: Collection[Path], others: Collection[Path]) -> int:
    real = [os.path.realpath(file) for file in files]
    names = {os.path.basename(path) for path in real}  # following a million links takes minutes on a network disk
    theirs = {os.path.realpath(file) for file in others if file.name in names}
    return sum(path in theirs for path in real)


def _of_one_content(files: Collection[File], others: Collection[File]) -> int:
    """How many of the files have their content in others: of one length, then of one end, and then of one checksum."""
    if not files or not others:
        return 0
    with ThreadPoolExecutor(_THREADS) as threads:

        def alike(key: Callable[[Any], Hashable], one: Collection[File], two: Collection[File]) -> tuple:
            keys, theirs = (list(threads.map(key, each)) for each in (one, two))
            both = {*keys} & {*theirs}
            return tuple(
                [file for file, own in zip(each, of, strict=True) if own in both]
                for each, of in ((one, keys), (two, theirs))
            )

        left = alike(_length, files, others)
        if len(_paths(left[0])) == len(left[0]) and len(_paths(left[1])) == len(left[1]):
            left = alike(_end, *left)  # a stored file's checksum is known, and its end is not
        return len(alike(_checksum, *left)[0])


def _length(file: File) -> int:
    return file.length if isinstance(file, StoredFile) else stamp(file)[0]


def _end(file: Path) -> bytes:
    with reading(f"image {file}", _REMEDY), open_regular(file) as opened:
        opened.seek(max(_length(file) - _END, 0))
        return hashlib.blake2b(opened.read(), digest_size=16).digest()


def _checksum(file: File) -> tuple[int, int]:
    """Length and CRC-32."""
    if isinstance(file, StoredFile):
        return file.length, file.crc
    with reading(f"image {file}", _REMEDY), open_regular(file) as opened:
        content = opened.read()
    return len(content), zlib.crc32(content)


_REMEDY = "give images that can be read"
