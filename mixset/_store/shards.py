"""Reading shards, which may be damaged or hostile: their claims are checked, and damage is reported by image."""

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
"""The largest attribute in bytes; a recipe that names a network has a few hundred."""
_DEFLATE, _FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_INFLATED = 1032
"""The highest compression ratio of deflate."""


@dataclass(frozen=True)
class ShardInfo:
    """The metadata of a shard, which can be read without reading images."""

    path: Path
    """The shard's file."""
    family: str
    """What kind of images these are, for example "fractals"."""
    recipe: dict[str, Any]
    """What determines the images, as JSON values."""
    start_index: int
    """The index of the shard's first image in the recipe."""
    count: int
    """The number of images."""
    shape: tuple[int, int]
    """(H, W) of every image."""
    content_hash: str
    """The hash of images, seeds and params."""
    compression: str
    """"none" or "gzip"."""


class Record(NamedTuple):
    """One image of a shard."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    seed: int
    """The seed it was drawn from, 0 to 2**64 - 1."""
    params: dict[str, Any]
    """What else is needed to draw it again, or its origin, as JSON values."""


def open_shard(path: Path) -> h5py.File:
    """Open a shard for reading.

    Raises:
        InputError: the file is missing, cannot be read, is another HDF5 file, or its format version is too new.
        DamagedImage: it is damaged or truncated.
    """
    with _damage(path):
        check_regular(path)
        # Each chunk is read whole and once, so a chunk cache would only add a copy.
        file = h5py.File(path, "r", locking=False, rdcc_nbytes=0)
    try:
        with _damage(path):
            if _text(file, "format") != FORMAT:
                raise InputError(f"{path} is an HDF5 file but not a mixset shard")
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
    """Read the metadata of the shard at `path`; raises as `open_shard`."""
    path = Path(path)
    with open_shard(path) as file, _damage(path):
        images, seeds, params = (_own(file, name) for name in ("images", "seed", "params"))
        count, height, width, channels = images.shape
        check_shape((height, width))
        if images.dtype != np.uint8 or channels != 3 or images.chunks != (1, height, width, 3):
            raise ValueError("its images have another type or layout")
        if seeds.dtype != np.uint64 or params.dtype.kind != "S":
            raise ValueError("its seeds or params have another type")
        if not seeds.shape == params.shape == (count,) or not seeds.chunks == params.chunks == (max(1, count),):
            raise ValueError("the lengths of its datasets disagree")
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
    """A dataset stored in the file itself: HDF5 would follow links and read data from any other file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not a dataset of its own")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ValueError(f"{name} is not a dataset of its own")
    return dataset


def _check_claim(dataset: h5py.Dataset, size: int, compression: list[int]) -> None:
    """Check that the data of a dataset can be in the file, and its filters, since others could run foreign code."""
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
    """The image dataset of an open shard; looking it up takes longer than reading a small image."""
    with _damage(path):
        return _own(file, "images")


def read_image(images: h5py.Dataset, path: Path, index: int) -> np.ndarray:
    """Image `index` of an open shard, (H, W, 3) uint8; raises DamagedImage with `path` and `index`."""
    try:
        return images[index]
    except Exception:
        with _damage(path, index):  # entered only now, as entering it costs a tenth of reading an image
            raise


def read_record(path: Path, index: int) -> Record:
    """Read image `index` of the shard at `path` with its seed and params; raises as `open_shard` and `read_image`."""
    with open_shard(path) as file:
        image = read_image(open_images(file, path), path, index)
        with _damage(path, index):
            return Record(image, int(_own(file, "seed")[index]), parse_object(_own(file, "params")[index]))


def read_params(path: Path) -> list[dict[str, Any]]:
    """The params of every image of a shard, in order."""
    with open_shard(path) as file, _damage(path):
        return [parse_object(text) for text in _own(file, "params")[:]]


def verified_images(info: ShardInfo) -> Iterator[np.ndarray]:
    """Yield every image of a shard in order, (H, W, 3) uint8, and finally check the content hash.

    Raises:
        DamagedImage: an image cannot be read (the message has its index), or the content hash does not match.
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
    """Read a whole shard and check its content hash; raises as `read_info` and `verified_images`."""
    info = read_info(path)
    for _ in verified_images(info):
        pass
    return info


@contextlib.contextmanager
def _damage(path: Path, index: int | None = None) -> Iterator[None]:
    what = f"image {index} of shard {path}" if index is not None else f"shard {path}"
    with reading(what, REMEDY, damage=DamagedImage):
        yield
