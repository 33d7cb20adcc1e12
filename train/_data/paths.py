"""The paths of many files in little memory, which loader workers share with the trainer."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Paths(Sequence[Path]):
    """Paths of files, as bytes in one array: of ImageNet's 1.28 million files 70 MB, where a list takes 429.

    A list's items also count who refers to them, so each worker that reads them soon has a copy of its own; this is
    only read.

    Args:
        root: the folder that the names are relative to.
        names: the path of each file in it, of any bytes that a system allows in names.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self._bytes = np.frombuffer(os.fsencode("".join(f"{name}\0" for name in names)), np.uint8)
        self._ends = np.flatnonzero(self._bytes == 0)
        self._order: np.ndarray | None = None
        """Which of the names these are; None: all, in their order."""

    @classmethod
    def of(cls, files: Sequence[Path]) -> Paths:
        """Those of a sequence; itself, where it is one."""
        return files if isinstance(files, Paths) else cls(Path(), [str(file) for file in files])

    def take(self, indices: np.ndarray) -> Paths:
        """The paths at `indices`, (n,) whole numbers."""
        some = object.__new__(Paths)
        some.root, some._bytes, some._ends = self.root, self._bytes, self._ends
        some._order = np.arange(len(self))[indices] if self._order is None else self._order[indices]
        return some

    def __len__(self) -> int:
        return len(self._ends if self._order is None else self._order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        place = range(len(self))[operator.index(index)]
        number = place if self._order is None else int(self._order[place])
        start = int(self._ends[number - 1]) + 1 if number else 0
        return self.root / os.fsdecode(self._bytes[start : int(self._ends[number])].tobytes())
