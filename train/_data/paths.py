"""The paths of many files in little memory, which loader workers share with the trainer."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.packed_names import PackedNames
from pixmix.readers._files import stamped


class Paths(Sequence[Path]):
    """Paths of files, whose names are packed.

    Args:
        root: the folder that the names are relative to.
        names: the path of each file in it, of any bytes that a system allows in names.
    """

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        self.packed = PackedNames.of(names)
        self._order: np.ndarray | None = None
        """Which of the names these are; None: all, in their order."""

    @classmethod
    def of(cls, files: Sequence[Path]) -> Paths:
        """Those of a sequence; itself, where it is one."""
        return files if isinstance(files, Paths) else cls(Path(), [str(file) for file in files])

    def take(self, indices: np.ndarray) -> Paths:
        """The paths at `indices`, (n,) whole numbers."""
        some = object.__new__(Paths)
        some.root, some.packed = self.root, self.packed
        some._order = np.arange(len(self))[indices] if self._order is None else self._order[indices]
        return some

    def stamps(self) -> Iterator[bytes]:
        """What identifies the files: name, length and time of each; reads none."""
        return (stamped(str(file), file) for file in self)

    def __len__(self) -> int:
        return len(self.packed if self._order is None else self._order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        place = range(len(self))[operator.index(index)]
        return self.root / self.packed[place if self._order is None else int(self._order[place])]
