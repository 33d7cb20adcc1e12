"""What an HDF5 file claims of its datasets and attributes, checked before anything is read by it."""

from __future__ import annotations

from typing import Any

import h5py

_MOST_TEXT = 16 << 20
"""The largest attribute in bytes; a recipe that names a network has a few hundred."""
DEFLATE, _FLETCHER32 = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32
_INFLATED = 1032
"""The highest compression ratio of deflate."""


def own_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset stored in the file itself: HDF5 would follow links and read data from any other file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not a dataset of its own")
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ValueError(f"{name} is not a dataset of its own")
    return dataset


def check_claim(dataset: h5py.Dataset, size: int, compression: list[int]) -> None:
    """Check that the data of a dataset can be in the file, and its filters, since others could run foreign code."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    if filters != [*compression, _FLETCHER32]:
        raise ValueError(f"{dataset.name} has no checksum, or a filter that shards do not have")
    stored = dataset.id.get_storage_size()
    if stored > size or dataset.nbytes > stored * (_INFLATED if compression else 1):
        raise ValueError(f"{dataset.name} claims {dataset.nbytes:,} bytes, stored are {min(stored, size):,}")


def text_attribute(file: h5py.File, name: str) -> str:
    """An attribute that is text; ValueError if it is something else, or very large."""
    value = attribute(file, name)
    if not isinstance(value, bytes | str):
        raise ValueError(f"{name} is not text")
    return value.decode() if isinstance(value, bytes) else value


def attribute(file: h5py.File, name: str) -> Any:
    """An attribute; ValueError if it is very large."""
    if file.attrs.get_id(name).get_storage_size() > _MOST_TEXT:
        raise ValueError(f"{name} is larger than {_MOST_TEXT >> 20} MiB")
    return file.attrs[name]
