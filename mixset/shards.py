"""The shard: one HDF5 file of pictures, written so that it is either whole or absent, and read so that damage shows."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import h5py
import numpy as np

from .errors import DamagedPicture, InputError
from .partials import create_locked, partial_of, sync_folder
from .shard_format import COMPRESSIONS, FORMAT, FORMAT_VERSION, ContentHash, canonical_json, fixed_width, plain_text

# What h5py and HDF5 raise over bytes that are not the ones written, wherever in the file they lie.
_DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


class ShardWriter:
    """Writes one shard; a context manager that leaves a whole file at `path` or, after an exception, nothing.

    The bytes depend on the arguments and the pictures alone (and on the versions of HDF5 and zlib): no clock, host
    or program version is written. Pictures lie uncompressed unless asked otherwise: gzip takes layered fractals to 0.86
    of their bytes, and some 15 times as long to write, as long as to draw them, and 10 times to read
    (`benchmarks/shards.py`, 512 pixels).

    Args:
        path: `FOLDER/NAME-00007.h5`; the folder is made when missing.
        family: what kind of pictures these are, for example "fractals".
        recipe: what determines the pictures, as JSON values.
        start_index: the index of the first picture in the recipe.
        shape: (H, W) of every picture.
        count: the most pictures the shard may get.
        compression: "none" or "gzip" (level 1).

    Raises:
        InputError: the disk is full or the folder cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        family: str,
        recipe: dict[str, Any],
        start_index: int,
        shape: tuple[int, int],
        count: int,
        compression: str = "none",
    ) -> None:
        if compression not in COMPRESSIONS:
            raise InputError(f"compression: {compression!r} is unknown; choose from {', '.join(COMPRESSIONS)}")
        self.path = Path(path)
        self.partial = partial_of(self.path)
        self.shape, self.count = (int(shape[0]), int(shape[1])), int(count)
        self.compression = compression
        self.attributes = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "family": family,
            "recipe": canonical_json(recipe),
            "start_index": int(start_index),
        }
        self.seeds: list[int] = []
        self.params: list[bytes] = []
        self.content_hash = ""

    def __enter__(self) -> ShardWriter:
        with self._failures(), contextlib.ExitStack() as cleaning:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = create_locked(self.partial)
            cleaning.callback(os.close, self._lock)
            cleaning.callback(self.partial.unlink, missing_ok=True)
            # HDF5 1.10's layout has checksums on all metadata; in older ones a flipped bit can be an endless loop.
            # No chunk cache: each picture goes to the file at once, so a full disk shows in the `add` that met it.
            self._file = h5py.File(
                self.partial, "w", libver=("v110", "v110"), locking=False, rdcc_nbytes=0, track_times=False
            )
            cleaning.callback(self._close)
            self._images = self._file.create_dataset(
                "images",
                shape=(self.count, *self.shape, 3),
                maxshape=(self.count, *self.shape, 3),
                dtype=np.uint8,
                chunks=(1, *self.shape, 3),
                compression=None if self.compression == "none" else self.compression,
                compression_opts=1 if self.compression == "gzip" else None,
                fletcher32=True,
            )
            self._cleaning = cleaning.pop_all()
        self._hash = ContentHash(self.shape)
        return self

    def add(self, picture: np.ndarray, seed: int, params: dict[str, Any]) -> None:
        """Append `picture` (H, W, 3) uint8, the `seed` it was drawn from and the `params` that make it again."""
        if picture.shape != (*self.shape, 3) or picture.dtype != np.uint8:
            raise ValueError(f"picture is {picture.shape} {picture.dtype}, the shard's are {(*self.shape, 3)} uint8")
        if len(self.seeds) >= self.count:
            raise ValueError(f"{self.path.name} is full: it was made for {self.count} pictures")
        picture = np.ascontiguousarray(picture)
        with self._failures():
            self._images[len(self.seeds)] = picture
        self._hash.add(picture)
        self.seeds.append(int(seed))
        self.params.append(canonical_json(params).encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._cleaning:
            if kind is None:
                with self._failures():
                    self._finish()

    def _close(self) -> None:
        # After a failed write HDF5 may fail to close as well; the first error is the one to tell.
        with contextlib.suppress(Exception):
            self._file.close()

    def _finish(self) -> None:
        if len(self.seeds) < self.count:
            self._images.resize(len(self.seeds), axis=0)
        self.content_hash = self._hash.finish(self.seeds, self.params)
        width = max(map(len, self.params), default=2)
        columns = {
            "seed": np.array(self.seeds, np.uint64),
            "params": np.array(self.params, h5py.string_dtype("utf-8", width)),
        }
        for name, column in columns.items():
            chunks = (max(1, len(column)),)  # also of an import whose pictures are all broken
            self._file.create_dataset(name, data=column, maxshape=chunks, chunks=chunks, fletcher32=True)
        for name, value in {**self.attributes, "content_hash": self.content_hash}.items():
            self._file.attrs[name] = fixed_width(value) if isinstance(value, str) else value
        self._file.close()
        os.fsync(self._lock)
        os.replace(self.partial, self.path)
        sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """HDF5 reports a full disk as an OSError or a RuntimeError of many lines: say it in one."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            number = getattr(error, "errno", None)
            reason = os.strerror(number) if number else _first_line(error)
            raise InputError(f"cannot write {self.path}: {reason}; free space or choose another folder") from error


@dataclass(frozen=True)
class ShardInfo:
    """What a shard says about itself; reading it touches no picture."""

    path: Path
    family: str
    recipe: dict[str, Any]
    start_index: int
    count: int
    shape: tuple[int, int]
    """(H, W) of every picture."""
    content_hash: str
    compression: str


class Record(NamedTuple):
    """One picture of a shard."""

    picture: np.ndarray
    """(H, W, 3) uint8"""
    seed: int
    params: dict[str, Any]


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading.

    Raises:
        InputError: there is no such file, it cannot be read or it is of a later format.
        DamagedPicture: it is no shard, or truncated.
    """
    if not path.exists():
        raise InputError(f"shard {path} does not exist")
    if not os.access(path, os.R_OK):
        raise InputError(f"shard {path} cannot be read: permission denied")
    with _damage(path):
        # The whole chunk is wanted once, so a cache would only add a copy.
        file = h5py.File(path, "r", locking=False, rdcc_nbytes=0)
    try:
        with _damage(path):
            if plain_text(file.attrs["format"]) != FORMAT:
                raise InputError(f"{path} is an HDF5 file but no mixset shard")
            version = int(file.attrs["format_version"])
        if version > FORMAT_VERSION:
            raise InputError(
                f"shard {path} has format version {version}, this mixset reads up to {FORMAT_VERSION}: update mixset"
            )
    except BaseException:
        file.close()
        raise
    return file


def read_info(path: str | os.PathLike[str]) -> ShardInfo:
    """What the shard at `path` says about itself; raises as `open_shard`."""
    path = Path(path)
    with open_shard(path) as file, _damage(path):
        images = file["images"]
        count, height, width, channels = images.shape
        if images.dtype != np.uint8 or channels != 3 or file["seed"].shape != (count,):
            raise ValueError("datasets do not fit together")
        if file["params"].shape != (count,) or images.chunks != (1, height, width, 3):
            raise ValueError("datasets do not fit together")
        recipe = json.loads(plain_text(file.attrs["recipe"]))
        if not isinstance(recipe, dict):
            raise ValueError("the recipe is no JSON object")
        return ShardInfo(
            path=path,
            family=plain_text(file.attrs["family"]),
            recipe=recipe,
            start_index=int(file.attrs["start_index"]),
            count=count,
            shape=(height, width),
            content_hash=plain_text(file.attrs["content_hash"]),
            compression=images.compression or "none",
        )


def open_images(file: h5py.File, path: Path) -> h5py.Dataset:
    """The pictures of an open shard, to look up once: a look-up takes longer than to read a small picture."""
    with _damage(path):
        return file["images"]


def read_picture(images: h5py.Dataset, path: Path, index: int) -> np.ndarray:
    """Picture `index` of an open shard, (H, W, 3) uint8; raises DamagedPicture with `path` and `index`."""
    try:
        return images[index]
    except _DAMAGE as error:
        raise _damaged(path, index, error) from error


def read_record(path: Path, index: int) -> Record:
    """Picture `index` of the shard at `path` with its seed and params; raises as `open_shard` and `read_picture`."""
    with open_shard(path) as file:
        picture = read_picture(open_images(file, path), path, index)
        with _damage(path, index):
            return Record(picture, int(file["seed"][index]), json.loads(file["params"][index]))


def read_params(path: Path) -> list[dict[str, Any]]:
    """The params of every picture of a shard, in order."""
    with open_shard(path) as file, _damage(path):
        return [json.loads(text) for text in file["params"][:]]


def verified_pictures(info: ShardInfo) -> Iterator[np.ndarray]:
    """Every picture of a shard in order; behind the last one the content hash is compared.

    Raises:
        DamagedPicture: a picture cannot be read (named by index), or the content is not what was written.
    """
    content = ContentHash(info.shape)
    with open_shard(info.path) as file:
        images = open_images(file, info.path)
        for index in range(info.count):
            picture = read_picture(images, info.path, index)
            content.add(picture)
            yield picture
        with _damage(info.path):
            seeds, params = file["seed"][:].tolist(), list(file["params"][:])
    if content.finish(seeds, params) != info.content_hash:
        raise DamagedPicture(f"shard {info.path} is damaged: its content hash does not fit; {REMEDY}")


def verify(path: str | os.PathLike[str]) -> ShardInfo:
    """Read a whole shard and compare its content hash; raises as `read_info` and `verified_pictures`."""
    info = read_info(path)
    for _ in verified_pictures(info):
        pass
    return info


REMEDY = "`mixset check --repair` makes a generated shard again"


@contextlib.contextmanager
def _damage(path: Path, index: int | None = None) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        raise _damaged(path, index, error) from error


def _damaged(path: Path, index: int | None, error: BaseException) -> DamagedPicture:
    what = f"picture {index} of shard {path}" if index is not None else f"shard {path}"
    reason = _first_line(error)
    if "(" in reason:  # HDF5: what it could not do, and in parentheses why
        reason = reason.rsplit("(", 1)[1].rstrip(")").split(":")[0]
    if "filter returned failure" in reason:
        reason = "its checksum does not fit"
    return DamagedPicture(f"{what} is damaged ({reason}); {REMEDY}")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
