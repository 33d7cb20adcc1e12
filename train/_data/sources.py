"""Image files of a data set, wherever they lie: paths, places in shards, or both one after the other."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mixset._common.decoding import stamp
from mixset._stored.stored_files import StoredFile, StoredFiles

from .paths import Paths


class Source(Protocol):
    """Many files in little memory, which are read one by one."""

    def take(self, indices: np.ndarray) -> Source:
        """Those at `indices`, (n,) whole numbers."""

    def stamps(self) -> Iterator[bytes]:
        """What identifies them; reads none."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, index: Any) -> Any: ...


Files = Sequence[Path] | Source


class Joined(Sequence[Any]):
    """Files of two sources, one after the other, or some of them.

    Args:
        order: (n,) whole numbers: which, in their order; default: all.
    """

    def __init__(self, first: Source, second: Source, order: np.ndarray | None = None) -> None:
        self.first, self.second = first, second
        self.order = np.arange(len(first) + len(second)) if order is None else order

    def take(self, indices: np.ndarray) -> Joined:
        return Joined(self.first, self.second, self.order[indices])

    def stamps(self) -> Iterator[bytes]:
        for part in (self.first, self.second):
            yield from part.stamps()
        yield self.order.astype(np.int64).tobytes()

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Joined(self.first, self.second, self.order[index])
        place = int(self.order[operator.index(index)])
        return self.first[place] if place < len(self.first) else self.second[place - len(self.first)]


def as_source(files: Files) -> Source:
    """The files of a sequence as a source; itself, where it is one."""
    return files if isinstance(files, StoredFiles | Joined) else Paths.of(files)  # type: ignore[arg-type]


def joined(first: Source, second: Source) -> Source:
    """The files of both."""
    if isinstance(first, Paths) and isinstance(second, Paths):
        return Paths.of([*first, *second])
    return Joined(first, second)


def common_path(files: Source) -> str:
    """The folder that all files lie in."""
    return os.path.commonpath([file.shard if isinstance(file, StoredFile) else file for file in files])


def length_of(file: Path | StoredFile) -> int:
    """A file's length in bytes; -1 if it has none."""
    return file.length if isinstance(file, StoredFile) else stamp(file)[0]


def names_of(files: Source, root: Path) -> list[Path]:
    """The path of each file relative to the folder `root`, or to that which a store was made of."""
    return [Path(file.name) if isinstance(file, StoredFile) else file.relative_to(root) for file in files]
