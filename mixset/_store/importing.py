"""Importing images into a mixing set; broken ones are left out and reported, and interrupted imports resume."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._common.cores import check_workers
from .._common.cropping import scale_and_crop
from .._common.errors import DamagedImage, InputError
from .._common.progress import Progress
from . import manifest
from .output import begin
from .shard_format import COMPRESSIONS
from .shard_writer import ShardWriter
from .shards import ShardInfo, read_info, read_params, verify
from .sources import Item, Source, item_size, open_item, open_source

DEFAULT_SIZE = 256
_SHARD_BYTES, _SHARD_MOST = 48 << 20, 8192
_IN_FLIGHT, _BYTES_IN_FLIGHT = 64, 256 << 20  # read and being decoded ahead of the writer


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    count: int
    """The number of images in the set."""
    left_out: tuple[tuple[str, str], ...]
    """(name, reason) of each image or folder that could not be read."""
    ignored: int
    """The number of files that do not have an image's suffix."""


@dataclass(frozen=True)
class _Plan:
    """A shard of the set: which images of the source go into it."""

    path: Path
    family: str
    start: int
    indices: Sequence[int]


def import_images(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    size: int | None = None,
    compression: str = "none",
    workers: int | None = None,
    quiet: bool = False,
) -> Imported:
    """Import a folder, tar archive or `.npy` array of images into the mixing set `out`, or resume an import.

    Each image is resized so that its short side is the set's size, and cropped at the centre. Folders named as in the
    paper's archive give the families "fractals" and "fvis"; all other images are of the family "images".

    Args:
        source: an image folder in any nesting, a tar archive, or a `.npy` file of shape (N, H, W, 3) uint8.
        out: the folder of the set, created if missing.
        size: side of the set's images in pixels, 8 to 4096; default: the images' own size if all agree, else 256.
        compression: "none" or "gzip", for the images in the shards.
        workers: decoding threads, 1 to 1,024; default: one per core this process may use.
        quiet: show no progress.

    Returns:
        The number of images in the set, and what was left out.

    Raises:
        InputError: there is nothing to import, no image can be read, `out` holds something else, or the disk is full.

    Example:
        >>> import mixset
        >>> _ = mixset.import_images("my-set", "imported", quiet=True)
        >>> mixset.MixingSet("imported")[0].shape
        (40, 40, 3)
    """
    source, out, workers = Path(source), Path(out), check_workers(workers)
    if size is not None and (not isinstance(size, int) or not 8 <= size <= 4096):
        raise InputError(f"size: {size!r} is out of range; give 8 to 4096 pixels")
    if compression not in COMPRESSIONS:
        raise InputError(f"compression: {compression!r} is unknown; choose from {', '.join(COMPRESSIONS)}")
    images = open_source(source)
    shape = (size, size) if size is not None else _common_shape(images)
    recipe = {**images.identity(), "size": list(shape)}
    begin(out, recipe, len(images.names))
    left_out = list(images.left_out)
    entries = []
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(workers) as threads,
        Progress(len(images.names), "images", quiet=quiet) as progress,
    ):
        warnings.simplefilter("ignore")  # Pillow's warnings about EXIF data and sizes do not name the file
        for plan in _plans(images, out, shape):
            info = _existing(plan, recipe, shape)
            if info is None:
                _write(plan, images, recipe, shape, compression, threads, progress)
                info = read_info(plan.path)
            else:
                progress.advance(len(plan.indices))
            left_out += _left_out(plan, info, images)
            entries.append(manifest.entry(info))
        count = sum(entry.count for entry in entries)
        if not count:
            _undo(out, entries)
            name, reason = left_out[0]
            raise InputError(f"no image in {source} could be read; the first is {name}: {reason}")
    manifest.write(out, recipe, entries, left_out)
    return Imported(count, tuple(left_out), images.ignored)


def _undo(out: Path, entries: Sequence[manifest.Entry]) -> None:
    """Remove the files of an import without images, so that the folder may be used for another."""
    for entry in entries:
        (out / entry.name).unlink()
    (out / manifest.UNFINISHED).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        out.rmdir()


def _common_shape(images: Source) -> tuple[int, int]:
    """(H, W) of all images by their headers if they agree, else (256, 256); stops at the first that differs."""
    shape = None
    for index in range(len(images.names)):
        try:
            size = item_size(images.fetch(index))
        except InputError:
            continue
        if shape is not None and size != shape:
            return DEFAULT_SIZE, DEFAULT_SIZE
        shape = size
        if isinstance(images.fetch(index), np.ndarray):
            break  # all images of an array have one size
    return shape or (DEFAULT_SIZE, DEFAULT_SIZE)


def _plans(images: Source, out: Path, shape: tuple[int, int]) -> Iterator[_Plan]:
    """Split the source into shards by index, broken images included, so that each can be made independently."""
    families: dict[str, list[int]] = {}
    for index in range(len(images.names)):
        families.setdefault(images.family(index), []).append(index)
    length = max(1, min(_SHARD_MOST, _SHARD_BYTES // (shape[0] * shape[1] * 3)))
    for family, indices in families.items():
        for start in range(0, len(indices), length):
            path = out / f"{family}-{start // length:05d}.h5"
            yield _Plan(path, family, start, indices[start : start + length])


def _existing(plan: _Plan, recipe: dict[str, object], shape: tuple[int, int]) -> ShardInfo | None:
    """The plan's shard if it exists intact and of this recipe."""
    if not plan.path.exists():
        return None
    try:
        info = verify(plan.path)
    except DamagedImage as error:
        print(f"importing again: {error}", file=sys.stderr)
        return None
    same = (info.family, info.recipe, info.start_index, info.shape) == (plan.family, recipe, plan.start, shape)
    return info if same else None


def _write(
    plan: _Plan,
    images: Source,
    recipe: dict[str, object],
    shape: tuple[int, int],
    compression: str,
    threads: ThreadPoolExecutor,
    progress: Progress,
) -> None:
    def fetched() -> Iterator[tuple[int, Item | InputError]]:
        for index in plan.indices:
            try:
                yield index, images.fetch(index)
            except InputError as error:
                yield index, error

    def opened(pair: tuple[int, Item | InputError]) -> tuple[int, np.ndarray | None]:
        index, item = pair
        try:
            return index, None if isinstance(item, InputError) else scale_and_crop(open_item(item, shape), shape)
        except InputError:
            return index, None

    writer = ShardWriter(
        plan.path,
        family=plan.family,
        recipe=recipe,
        start_index=plan.start,
        shape=shape,
        count=len(plan.indices),
        compression=compression,
    )
    with writer:
        for batch in _batches(fetched()):
            for index, image in threads.map(opened, batch):
                if image is not None:
                    writer.add(image, 0, {"file": images.names[index]})
                progress.advance()


def _batches(items: Iterator[tuple[int, Item | InputError]]) -> Iterator[list[tuple[int, Item | InputError]]]:
    """Split items into batches of at most `_IN_FLIGHT`, and about `_BYTES_IN_FLIGHT` in memory."""
    batch, size = [], 0
    for item in items:
        batch.append(item)
        size += len(item[1]) if isinstance(item[1], bytes) else 0
        if len(batch) == _IN_FLIGHT or size >= _BYTES_IN_FLIGHT:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _left_out(plan: _Plan, info: ShardInfo, images: Source) -> list[tuple[str, str]]:
    """(name, reason) of the images that are not in the shard; they are opened again for the reason."""
    if info.count == len(plan.indices):
        return []
    imported = {params["file"] for params in read_params(info.path)}
    missing = []
    for index in plan.indices:
        if images.names[index] not in imported:
            try:
                open_item(images.fetch(index), info.shape)
                reason = "could not be read at the time"
            except InputError as error:
                reason = str(error)
            missing.append((images.names[index], reason))
    return missing
