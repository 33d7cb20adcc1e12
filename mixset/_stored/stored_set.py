"""Opening a training set: its classes, its files and their labels."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from .._common.errors import DamagedImage, InputError, counted
from .._common.packed_names import PackedNames
from .._store import manifest
from .stored_files import StoredFiles
from .stored_index import REMEDY, StoredIndex, read_index


@dataclass(frozen=True)
class StoredSet:
    """A part of a data set, such as its training images."""

    folder: Path
    """Where its shards are."""
    classes: tuple[str, ...]
    """Names by label; there may be some without an image."""
    files: StoredFiles
    """Sorted by label."""
    labels: np.ndarray
    """(N,) int32."""
    sizes: np.ndarray
    """(N, 2) uint32: height and width by the files' headers, 0 where one is damaged."""
    side: int | None
    """What short sides were brought to; None: the files are what they were."""
    jpeg: int | None
    """The quality of the files that were made for it."""


class ClassNames(Sequence[str]):
    """The names of a class's files, which are made when asked for."""

    def __init__(self, names: PackedNames, places: range) -> None:
        self.names, self.places = names, places
        """Which of a set's files they are."""

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.between(self.places.start, self.places.stop))

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> ClassNames: ...
    def __getitem__(self, index: int | slice) -> str | ClassNames:
        if isinstance(index, slice):
            return ClassNames(self.names, self.places[index.start : index.stop])
        return self.names[self.places[index]]


def open_stored(folder: Path) -> StoredSet:
    """Open the training set in `folder`; no image is read.

    Raises:
        InputError: there is none, it is unfinished, or a shard of it is missing.
        DamagedImage: a shard, or what mixset.json says, is damaged.
    """
    listed = manifest.read(folder)
    if listed is None or listed.classes is None:
        unfinished = (folder / manifest.UNFINISHED).exists()
        why = "is unfinished; the import that makes it, run again, resumes" if unfinished else "holds no training set"
        raise InputError(f"{folder} {why}" + ("" if unfinished else "; `mixset import FOLDER OUT --labels` makes one"))
    shards = [_shard(folder, entry) for entry in listed.shards]
    if not shards:
        raise InputError(f"{folder} holds no image; {REMEDY}")
    labels = np.concatenate([shard.rows["label"] for shard in shards])
    side, jpeg = _form(folder, listed)
    if labels.max() >= len(listed.classes) or (np.diff(labels) < 0).any():
        raise DamagedImage(f"{folder / manifest.NAME} is damaged (labels and classes disagree); {REMEDY}")
    sizes = np.stack([np.concatenate([shard.rows[name] for shard in shards]) for name in ("height", "width")], 1)
    return StoredSet(folder, listed.classes, StoredFiles(shards), labels, sizes, side, jpeg)


def _shard(folder: Path, entry: manifest.Entry) -> StoredIndex:
    index = read_index(folder / entry.name)
    if (index.start_index, index.count, index.content_hash) != (entry.start_index, entry.count, entry.content_hash):
        raise DamagedImage(f"shard {index.path} is not the one {manifest.NAME} lists; {REMEDY}")
    return index


def _form(folder: Path, listed: manifest.Manifest) -> tuple[int | None, int | None]:
    """`side` and `jpeg` of a set."""
    side, jpeg = listed.recipe.get("side"), listed.recipe.get("jpeg")
    if any(value is not None and type(value) is not int for value in (side, jpeg)):
        raise DamagedImage(f"{folder / manifest.NAME} is damaged (its recipe has no such side); {REMEDY}")
    return side, jpeg


def forms(folder: Path) -> dict[str, dict[str, int | None]]:
    """`side` and `jpeg` of each of the training sets in `folder` whose images were made smaller, by its name."""
    found = {}
    for path in stored_parts(folder):
        listed = manifest.read(path)
        if listed is not None and (form := _form(path, listed))[0] is not None:
            found[path.name] = {"side": form[0], "jpeg": form[1]}
    return found


def by_class(stored: StoredSet) -> dict[str, ClassNames]:
    """The names of each class's files, as a folder of class folders is listed."""
    ends = np.searchsorted(stored.labels, np.arange(len(stored.classes) + 1)).tolist()
    places = itertools.starmap(range, itertools.pairwise(ends))
    return {name: ClassNames(stored.files.names, found) for name, found in zip(stored.classes, places, strict=True)}


def is_stored(folder: Path) -> bool:
    """Whether `folder` holds a finished training set, by its mixset.json alone."""
    listed = manifest.read(folder) if folder.is_dir() else None
    return listed is not None and listed.classes is not None


def stored_parts(folder: Path) -> list[Path]:
    """The training sets in `folder`: itself, or those in folders in it; none if it is something else."""
    if is_stored(folder):
        return [folder]
    if not folder.is_dir() or manifest.read(folder) is not None:
        return []
    visible = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return [path for path in visible if is_stored(path) or (path / manifest.UNFINISHED).exists()]


def describe(stored: StoredSet) -> list[str]:
    """Lines about a training set: what it holds, and whether its files are what they were."""
    heights, widths = np.median(stored.sizes, 0)
    form = "the files' own bytes"
    if stored.side is not None:
        form = f"short sides of at most {stored.side} px, made smaller as JPEGs of quality {stored.jpeg}"
    return [
        f"{stored.folder}: {counted(len(stored.files), 'labelled image')} of {len(stored.classes):,} classes",
        f"  {form}; {stored.files.length():,} bytes; height and width in the middle {heights:.0f} and {widths:.0f} px",
    ]
