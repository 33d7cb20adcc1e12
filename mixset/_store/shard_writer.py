"""Writing a shard, an HDF5 file of images, atomically."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np

from .._common.errors import InputError, reason
from .._common.jsons import canonical_json
from .._common.partials import create_locked, partial_of, sync_folder
from .._common.plain_names import plain_name
from .shard_format import (
    COMPRESSIONS,
    FORMAT,
    FORMAT_VERSION,
    MOST_INDEX,
    ContentHash,
    check_shape,
    fixed_width,
    whole_number,
)


class ShardWriter:
    """A context manager that writes one shard: a whole file at `path` or, after an exception, none.

    The file's bytes depend only on the arguments, the images and the versions of HDF5 and zlib: no time, host or
    program version is stored. Images are uncompressed by default: gzip shrinks layered fractals only to 86 % of their
    size, takes 15 times as long to write (about as long as drawing them) and 10 times as long to read
    (`benchmarks/shards.py`, 512 pixels).

    Args:
        path: `FOLDER/NAME-00007.h5`; the folder is created if missing.
        family: what kind of images these are, for example "fractals"; must be a valid folder name.
        recipe: what determines the images, as JSON values.
        start_index: the index of the shard's first image in the recipe.
        shape: (H, W) of every image.
        count: the maximum number of images.
        compression: "none" or "gzip" (level 1).

    Raises:
        InputError: the disk is full, the folder cannot be written, or an argument is out of range.

    Example:
        >>> import numpy as np
        >>> import mixset
        >>> shard = "stripes/stripes-00000.h5"
        >>> described = {"family": "stripes", "recipe": {"made_by": "an example"}}
        >>> with mixset.ShardWriter(shard, **described, start_index=0, shape=(32, 32), count=1) as writer:
        ...     writer.add(np.zeros((32, 32, 3), np.uint8), seed=0, params={})
        ...
        >>> len(mixset.MixingSet(shard))
        1
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
        try:
            self.family = plain_name(family)
            self.shape = check_shape(tuple(shape))
            self.count = whole_number(count, 0, MOST_INDEX)
            self.start_index = whole_number(start_index, 0, MOST_INDEX)
        except ValueError as error:
            raise InputError(f"cannot write {self.path}: {error}; give others to ShardWriter") from None
        self.compression = compression
        self.attributes = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "family": self.family,
            "recipe": canonical_json(recipe),
            "start_index": self.start_index,
        }
        self.seeds: list[int] = []
        self.params: list[bytes] = []
        self._hash = ContentHash(self.shape)

    def __enter__(self) -> ShardWriter:
        with self._failures(), contextlib.ExitStack() as cleaning:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = create_locked(self.partial)
            cleaning.callback(os.close, self._lock)
            cleaning.callback(self.partial.unlink, missing_ok=True)
            # HDF5 1.10's layout has checksums on all metadata; in older ones a flipped bit can cause an endless loop.
            # Without chunk cache each image is written at once, so the `add` that fills the disk raises.
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
        return self

    @property
    def content_hash(self) -> str:
        """The hash of the images, seeds and params added so far."""
        return self._hash.finish(self.seeds, self.params)

    def add(self, image: np.ndarray, seed: int, params: dict[str, Any]) -> None:
        """Append an image.

        Args:
            image: (H, W, 3) uint8 of the shard's shape.
            seed: the seed it was drawn from, 0 to 2**64 - 1.
            params: what else is needed to draw it again, or its origin, as JSON values.

        Raises:
            InputError: the disk is full.
            ValueError: the image has another shape or dtype, or the shard is full.
        """
        if image.shape != (*self.shape, 3) or image.dtype != np.uint8:
            raise ValueError(f"image is {image.shape} {image.dtype}, the shard's are {(*self.shape, 3)} uint8")
        if len(self.seeds) >= self.count:
            raise ValueError(f"{self.path.name} is full: it was made for {self.count} images")
        seed = whole_number(seed, 0, 2**64 - 1)
        text = canonical_json(params).encode()
        image = np.ascontiguousarray(image)
        with self._failures():
            self._images[len(self.seeds)] = image
        self._hash.add(image)
        self.seeds.append(seed)
        self.params.append(text)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._cleaning:
            if kind is None:
                with self._failures():
                    self._finish()

    def _close(self) -> None:
        # After a failed write HDF5 may fail to close, too; the first error is the one to report.
        with contextlib.suppress(Exception):
            self._file.close()

    def _finish(self) -> None:
        if len(self.seeds) < self.count:
            self._images.resize(len(self.seeds), axis=0)
        width = max(map(len, self.params), default=2)
        columns = {
            "seed": np.array(self.seeds, np.uint64),
            "params": np.array(self.params, h5py.string_dtype("utf-8", width)),
        }
        for name, column in columns.items():
            chunks = (max(1, len(column)),)  # an import whose images are all broken has none
            self._file.create_dataset(name, data=column, maxshape=chunks, chunks=chunks, fletcher32=True)
        for name, value in {**self.attributes, "content_hash": self.content_hash}.items():
            self._file.attrs[name] = fixed_width(value) if isinstance(value, str) else value
        self._file.close()
        os.fsync(self._lock)
        os.replace(self.partial, self.path)
        sync_folder(self.path.parent)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise InputError with one line for HDF5's errors, such as a full disk, which have many."""
        try:
            yield
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"cannot write {self.path}: {reason(error)}; free space or choose another folder"
            ) from error
