"""Sources of an import: image folders, tar archives and `.npy` arrays."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .._common.arrays import map_array
from .._common.decoding import decode, header_size, is_image, list_image_files, stamp
from .._common.errors import InputError
from .._common.jsons import json_hash
from .._common.regular import check_regular
from . import archives
from .set_parts import family_of

Item = Path | bytes | np.ndarray


class Source(Protocol):
    """A sequence of images to import."""

    names: Sequence[str]
    """The name of each image in params and messages."""
    left_out: Sequence[tuple[str, str]]
    """(name, reason) of images and folders that cannot be reached."""
    ignored: int
    """The number of files that do not have an image's suffix."""

    def identity(self) -> dict[str, Any]:
        """JSON values that identify this source; an import resumes only from the same one."""

    def family(self, index: int) -> str:
        """The family of image `index`."""

    def fetch(self, index: int) -> Item:
        """A path, bytes or array from which to decode image `index`; fastest in ascending order. Raises InputError."""


def open_item(item: Item, at_least: tuple[int, int]) -> np.ndarray:
    """Decode a fetched item to (H, W, 3) uint8; raises InputError as `decode`."""
    return item if isinstance(item, np.ndarray) else decode(item, at_least=at_least)


def item_size(item: Item) -> tuple[int, int]:
    """(H, W) of a fetched item from its header; raises InputError."""
    return (item.shape[0], item.shape[1]) if isinstance(item, np.ndarray) else header_size(item)


def open_source(path: Path) -> Source:
    """Open the folder, archive or array at `path`; raises InputError if it is none of these, or holds no images."""
    if not path.exists():
        raise InputError(f"{path} does not exist; give an image folder, a tar archive or a .npy array")
    if path.is_dir():
        source: Source = Folder(path)
    else:
        check_regular(path)
        source = Array(path) if path.suffix == ".npy" else Archive(path)
    if not len(source.names):
        why = f" ({source.left_out[0][0]}: {source.left_out[0][1]})" if source.left_out else ""
        raise InputError(
            f"{path} holds no images{why}; files with an image suffix are needed: .jpg .png .webp .gif .tif .bmp ..."
        )
    return source


class Folder:
    """An image folder in any nesting."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        left_out: list[tuple[str, str]] = []
        self.paths = list_image_files(folder, lambda path, why: left_out.append((str(path), why)))
        self.left_out: Sequence[tuple[str, str]] = left_out
        self.names: Sequence[str] = [path.relative_to(folder).as_posix() for path in self.paths]
        self.ignored = sum(
            not is_image(name) and not name.startswith(".") for _, _, files in os.walk(folder) for name in files
        )

    def identity(self) -> dict[str, Any]:
        return _listing("folder", self.folder, self.names, [stamp(path)[0] for path in self.paths])

    def family(self, index: int) -> str:
        return family_of((self.folder.name, *self.names[index].split("/")[:-1]))

    def fetch(self, index: int) -> Item:
        return self.paths[index]


class Archive:
    """A tar archive, read in place; a compressed one is read sequentially."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Stays open for the whole import.
        self.archive = archives.open_tar(path)
        self.ignored = 0
        left_out: list[tuple[str, str]] = []
        self.members: list[tarfile.TarInfo] = []
        names = []
        for name, member in archives.files(self.archive, path):
            if not is_image(name):
                self.ignored += 1
            elif isinstance(member, str):
                left_out.append((name, member))
            else:
                names.append(name)
                self.members.append(member)
        self.names: Sequence[str] = names
        self.left_out: Sequence[tuple[str, str]] = left_out

    def identity(self) -> dict[str, Any]:
        return _listing("tar", self.path, self.names, [member.size for member in self.members])

    def family(self, index: int) -> str:
        return family_of(self.names[index].split("/")[:-1])

    def fetch(self, index: int) -> Item:
        return archives.content(self.archive, self.members[index])


class Array:
    """A memory-mapped `.npy` file of shape (N, H, W, 3) uint8, such as 300K_random_images.npy."""

    def __init__(self, path: Path) -> None:
        self.path = path
        images = map_array(path, f"array {path}", "fetch it again")
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape[1:]:
            raise InputError(f"{path} holds {images.shape} {images.dtype}; (N, H, W, 3) uint8 is needed")
        self.images = images
        self.names: Sequence[str] = [f"{path.name}[{index}]" for index in range(len(images))]
        self.left_out: Sequence[tuple[str, str]] = ()
        self.ignored = 0

    def identity(self) -> dict[str, Any]:
        return {"imported": "npy", "name": self.path.name, "shape": list(self.images.shape)}

    def family(self, index: int) -> str:
        return "images"

    def fetch(self, index: int) -> Item:
        return np.array(self.images[index])


def _listing(kind: str, path: Path, names: Sequence[str], sizes: Sequence[int]) -> dict[str, Any]:
    """Identify files by their names and sizes; hashing their bytes would read everything twice."""
    return {"imported": kind, "name": path.name, "files": len(names), "listing": json_hash([list(names), list(sizes)])}
