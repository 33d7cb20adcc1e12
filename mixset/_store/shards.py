"""Reading a shard: what it claims is compared with its bytes, and damage is named."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from .._common.errors import DamagedImage, InputError, reading
from .._common.jsons import parse_object
from .._common.regular import check_regular
from .shard_format import (
    FORMAT,
    FORMAT_VERSION,
    MOST_INDEX,
    ContentHash,
    check_shape,
    hash_text,
    plain_name,
    whole_number,
)

REMEDY = "`mixset check --repair` makes a generated shard again"
_MOST_TEXT = 16 << 20
"""Bytes of an attribute: a recipe that names a network has some hundred."""
_DEFLATE, _FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_INFLATED = 1032
"""How many times larger deflate's output can be than its input."""


@dataclass(frozen=True)
class ShardInfo:
    """What a shard says about itself; reading it touches no image."""

    path: Path
    family: str
    recipe: dict[str, Any]
    start_index: int
    count: int
    shape: tuple[int, int]
    """(H, W) of every image."""
    content_hash: str
    compression: str


class Record(NamedTuple):
    """One image of a shard."""

    image: np.ndarray
    """(H, W, 3) uint8"""
    seed: int
    params: dict[str, Any]


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading.

    Raises:
        InputError: there is no such file, it cannot be read or it is of a later format.
        DamagedImage: it is no shard, or truncated.
    """
    with _damage(path):
        check_regular(path)
        # The whole chunk is wanted once, so a cache would only add a copy.
        file = h5py.File(path, "r", locking=False, rdcc_nbytes=0)
    try:
        with _damage(path):
            if _text(file, "format") != FORMAT:
                raise InputError(f"{path} is an HDF5 file but no mixset shard")
            version = whole_number(_attribute(file, "format_version"), 1, MOST_INDEX)
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
        images, seeds, params = (_own(file, name) for name in ("images", "seed", "params"))
        count, height, width, channels = images.shape
        check_shape((height, width))
        if images.dtype != np.uint8 or channels != 3 or images.chunks != (1, height, width, 3):
            raise ValueError("its images are none")
        if seeds.dtype != np.uint64 or params.dtype.kind != "S":
            raise ValueError("its seeds or params are none")
        if not seeds.shape == params.shape == (count,) or not seeds.chunks == params.chunks == (max(1, count),):
            raise ValueError("its datasets do not fit together")
        size = os.stat(path).st_size
        _check_claim(seeds, size, [])
        _check_claim(params, size, [])
        compressed = images.compression is not None
        _check_claim(images, size, [_DEFLATE] if compressed else [])
        return ShardInfo(
            path=path,
            family=plain_name(_text(file, "family")),
            recipe=parse_object(_text(file, "recipe")),
            start_index=whole_number(_attribute(file, "start_index"), 0, MOST_INDEX),
            count=count,
            shape=(height, width),
            content_hash=hash_text(_text(file, "content_hash")),
            compression="gzip" if compressed else "none",
        )


def _own(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset whose bytes lie in the file itself: HDF5 would follow links and fetch bytes from any other."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not a dataset of its own")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ValueError(f"{name} is not a dataset of its own")
    return dataset


def _check_claim(dataset: h5py.Dataset, size: int, compression: list[int]) -> None:
    """Compare what a dataset claims to hold with what is stored for it; other filters could be code of others."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if filters != [*compression, _FLETCHER32]:
        raise ValueError(f"{dataset.name} has no checksum, or a filter that shards do not have")
    stored = dataset.id.get_storage_size()
    if stored > size or dataset.nbytes > stored * (_INFLATED if compression else 1):
        raise ValueError(f"{dataset.name} claims {dataset.nbytes:,} bytes, stored are {min(stored, size):,}")


def _text(file: h5py.File, name: str) -> str:
    value = _attribute(file, name)
    if not isinstance(value, bytes | str):
        raise ValueError(f"{name} is not text")
    return value.decode() if isinstance(value, bytes) else value


def _attribute(file: h5py.File, name: str) -> Any:
    if file.attrs.get_id(name).get_storage_size() > _MOST_TEXT:
        raise ValueError(f"{name} is larger than {_MOST_TEXT >> 20} MiB")
    return file.attrs[name]


def open_images(file: h5py.File, path: Path) -> h5py.Dataset:
    """The images of an open shard, to look up once: a look-up takes longer than to read a small image."""
    with _damage(path):
        return _own(file, "images")


def read_image(images: h5py.Dataset, path: Path, index: int) -> np.ndarray:
    """Image `index` of an open shard, (H, W, 3) uint8; raises DamagedImage with `path` and `index`."""
    try:
        return images[index]
    except Exception:
        with _damage(path, index):  # entered for each image it would take a tenth of the time
            raise


def read_record(path: Path, index: int) -> Record:
    """Image `index` of the shard at `path` with its seed and params; raises as `open_shard` and `read_image`."""
    with open_shard(path) as file:
        image = read_image(open_images(file, path), path, index)
        with _damage(path, index):
            return Record(image, int(_own(file, "seed")[index]), parse_object(_own(file, "params")[index]))


def read_params(path: Path) -> list[dict[str, Any]]:
    """The params of every image of a shard, in order."""
    with open_shard(path) as file, _damage(path):
        return [parse_object(text) for text in _own(file, "params")[:]]


def verified_images(info: ShardInfo) -> Iterator[np.ndarray]:
    """Every image of a shard in order; behind the last one the content hash is compared.

    Raises:
        DamagedImage: an image cannot be read (named by index), or the content is not what was written.
    """
    content = ContentHash(info.shape)
    with open_shard(info.path) as file:
        images = open_images(file, info.path)
        for index in range(info.count):
            image = read_image(images, info.path, index)
            content.add(image)
            yield image
        with _damage(info.path):
            seeds, params = _own(file, "seed")[:].tolist(), list(_own(file, "params")[:])
    if content.finish(seeds, params) != info.content_hash:
        raise DamagedImage(f"shard {info.path} is damaged: its content hash does not match; {REMEDY}")


def verify(path: str | os.PathLike[str]) -> ShardInfo:
    """Read a whole shard and compare its content hash; raises as `read_info` and `verified_images`."""
    info = read_info(path)
    for _ in verified_images(info):
        pass
    return info


@contextlib.contextmanager
def _damage(path: Path, index: int | None = None) -> Iterator[None]:
    what = f"image {index} of shard {path}" if index is not None else f"shard {path}"
    with reading(what, REMEDY, damage=DamagedImage):
        yield
