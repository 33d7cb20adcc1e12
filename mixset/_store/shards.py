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
from .._common.plain_names import plain_name
from .._common.regular import check_regular
from .claims import DEFLATE, attribute, check_claim, own_dataset, text_attribute
from .shard_format import (
    FORMAT,
    FORMAT_VERSION,
    MOST_INDEX,
    TRAIN_WITH_IT,
    TRAINING_VERSION,
    ContentHash,
    check_shape,
    hash_text,
    whole_number,
)

REMEDY = "`mixset check --repair` makes a generated shard again"


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
            if text_attribute(file, "format") != FORMAT:
                raise InputError(f"{path} is an HDF5 file but not a mixset shard")
            version = whole_number(attribute(file, "format_version"), 1, MOST_INDEX)
        if version == TRAINING_VERSION:
            raise InputError(f"{path} is a shard of a training set, not of a mixing set; {TRAIN_WITH_IT}")
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
        images, seeds, params = (own_dataset(file, name) for name in ("images", "seed", "params"))
        count, height, width, channels = images.shape
        check_shape((height, width))
        if images.dtype != np.uint8 or channels != 3 or images.chunks != (1, height, width, 3):
            raise ValueError("its images have another type or layout")
        if seeds.dtype != np.uint64 or params.dtype.kind != "S":
            raise ValueError("its seeds or params have another type")
        if not seeds.shape == params.shape == (count,) or not seeds.chunks == params.chunks == (max(1, count),):
            raise ValueError("the lengths of its datasets disagree")
        size = os.stat(path).st_size
        check_claim(seeds, size, [])
        check_claim(params, size, [])
        compressed = images.compression is not None
        check_claim(images, size, [DEFLATE] if compressed else [])
        return ShardInfo(
            path=path,
            family=plain_name(text_attribute(file, "family")),
            recipe=parse_object(text_attribute(file, "recipe")),
            start_index=whole_number(attribute(file, "start_index"), 0, MOST_INDEX),
            count=count,
            shape=(height, width),
            content_hash=hash_text(text_attribute(file, "content_hash")),
            compression="gzip" if compressed else "none",
        )


def open_images(file: h5py.File, path: Path) -> h5py.Dataset:
    """The image dataset of an open shard; looking it up takes longer than reading a small image."""
    with _damage(path):
        return own_dataset(file, "images")


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
            seed, params = own_dataset(file, "seed")[index], own_dataset(file, "params")[index]
            return Record(image, int(seed), parse_object(params))


def read_params(path: Path) -> list[dict[str, Any]]:
    """The params of every image of a shard, in order."""
    with open_shard(path) as file, _damage(path):
        return [parse_object(text) for text in own_dataset(file, "params")[:]]


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
            seeds, params = own_dataset(file, "seed")[:].tolist(), list(own_dataset(file, "params")[:])
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
