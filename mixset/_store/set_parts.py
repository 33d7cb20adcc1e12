"""The parts of a mixing set: shards, and image files of one family."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .._common.decoding import decode, list_image_files, stamp
from .._common.errors import DamagedImage, InputError
from .._common.jsons import json_hash
from . import manifest
from .open_shards import OpenShards
from .shard_format import TRAIN_WITH_IT
from .shards import ShardInfo, read_info, read_record, verified_images

Reader = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Origin:
    """What one image of a set was made from, as its shard tells it."""

    family: str
    """The family's name."""
    recipe: dict[str, Any]
    """Everything that the set's content is a function of."""
    index: int
    """The image's index in that recipe."""
    params: dict[str, Any]
    """What makes this image again."""


_FAMILY_OF_FOLDER = {"fractals": "fractals", "fvis": "fvis", "first_layers_resized256_onevis": "fvis"}


def family_of(parts: Sequence[str]) -> str:
    """The family of an imported image, by the names of its folders in the paper's archive; else "images"."""
    return next((_FAMILY_OF_FOLDER[part] for part in parts if part in _FAMILY_OF_FOLDER), "images")


class ShardPart:
    """A shard as a part of a set."""

    def __init__(self, info: ShardInfo) -> None:
        self.info, self.family, self.count = info, info.family, info.count

    def read(self, index: int, files: OpenShards) -> np.ndarray:
        return files.read(self.info.path, index)

    def readers(self) -> Iterator[Reader]:
        # HDF5 has one lock for all threads, so reading eagerly costs nothing.
        return (functools.partial(np.asarray, image) for image in verified_images(self.info))

    def content(self) -> str:
        return self.info.content_hash

    def detail(self) -> str:
        height, width = self.info.shape
        recipe = ", ".join(f"{name} {value}" for name, value in self.info.recipe.items())
        return f"{height} x {width} pixels, compression {self.info.compression}; {recipe}"

    def caption(self, index: int) -> tuple[str, str]:
        record = read_record(self.info.path, index)
        origins = [record.params[name] for name in ("file", "shows") if name in record.params]
        return f"{self.family} {self.info.start_index + index}", str(origins[0] if origins else f"seed {record.seed}")

    def origin(self, index: int) -> Origin:
        params = read_record(self.info.path, index).params
        return Origin(self.family, self.info.recipe, self.info.start_index + index, params)


class FilesPart:
    """The image files of one family below a folder."""

    def __init__(self, family: str, folder: Path, paths: list[Path]) -> None:
        self.family, self.folder, self.paths, self.count = family, folder, paths, len(paths)

    def read(self, index: int, files: OpenShards | None = None) -> np.ndarray:
        try:
            return decode(self.paths[index])
        except InputError as error:
            raise DamagedImage(
                f"image {self.paths[index]}: {error}; `mixset import {self.folder} OUT` leaves broken images out"
            ) from error

    def readers(self) -> Iterator[Reader]:
        return (functools.partial(self.read, index) for index in range(self.count))

    def content(self) -> str:
        """A hash of names, sizes and times of change; hashing the bytes would read all files at every start."""
        return json_hash([(str(path.relative_to(self.folder)), *stamp(path)) for path in self.paths])

    def detail(self) -> str:
        return "image files"

    def caption(self, index: int) -> tuple[str, str]:
        return f"{self.family} {index}", self.paths[index].name

    def origin(self, index: int) -> None:
        return None


Part = ShardPart | FilesPart
"""What a set is read from."""


def open_parts(source: Path) -> list[Part]:
    """The parts of a folder, or of one shard.

    Raises:
        InputError: there is nothing, or no set, or an unfinished one.
    """
    if source.suffix == ".h5" and source.is_file():
        return [ShardPart(read_info(source))]
    if not source.exists():
        raise InputError(f"mixing set {source} does not exist; `mixset make fractals {source}` makes one")
    if not source.is_dir():
        raise InputError(f"mixing set {source} is not a folder; `mixset import {source} OUT` turns archives into a set")
    shards = shard_infos(source)
    if shards:
        return [ShardPart(info) for info in shards]
    by_family: dict[str, list[Path]] = {}
    for path in list_image_files(source):
        parts = (source.name, *path.relative_to(source).parts[:-1])
        by_family.setdefault(family_of(parts), []).append(path)
    if not by_family:
        raise InputError(f"mixing set {source} holds no shards (*.h5) and no images; `mixset make` fills a folder")
    return [FilesPart(family, source, paths) for family, paths in sorted(by_family.items())]


def shard_infos(folder: Path) -> list[ShardInfo]:
    """The shards of the set in `folder`, in order; an empty list if there are none.

    Raises:
        InputError: the set is unfinished, or shards are missing from it.
    """
    listed = manifest.read(folder)
    if listed is not None and listed.classes is not None:
        raise InputError(f"{folder} is a training set, not a mixing set; {TRAIN_WITH_IT}")
    if listed is None:
        paths = sorted(folder.glob("*.h5"))
        if (folder / manifest.UNFINISHED).exists():
            raise InputError(f"mixing set {folder} is unfinished; the command that makes it, run again, resumes")
        return [read_info(path) for path in paths]
    for entry in listed.shards:
        if not (folder / entry.name).exists():
            raise InputError(f"mixing set {folder} lacks shard {entry.name}; `mixset check --repair` makes it again")
    infos = [read_info(folder / entry.name) for entry in listed.shards]
    for entry, info in zip(listed.shards, infos, strict=True):
        if (entry.family, entry.start_index, entry.count, entry.content_hash) != (
            info.family,
            info.start_index,
            info.count,
            info.content_hash,
        ):
            raise DamagedImage(f"shard {info.path} is not the one {manifest.NAME} lists; run `mixset check {folder}`")
    return infos
