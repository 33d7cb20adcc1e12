"""Files of a run that grow line by line, and are cut back to where a checkpoint knows them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from mixset._common.errors import InputError, reason


class Appended:
    """Such a file.

    Args:
        path: where it lies; it is made when something is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, text: str) -> None:
        """Add text at the end.

        Raises:
            InputError: it cannot be written.
        """
        with self._opened("ab") as handle:
            handle.write(text.encode())

    def size(self) -> int:
        """Its length in bytes, for a checkpoint to keep."""
        return self.path.stat().st_size if self.path.exists() else 0

    def cut(self, size: int) -> None:
        """Take away what a killed run added after its checkpoint; raises as `add`."""
        if self.path.exists():
            with self._opened("r+b") as handle:
                handle.truncate(min(size, self.size()))

    @contextlib.contextmanager
    def _opened(self, mode: str) -> Iterator[BinaryIO]:
        try:
            with open(self.path, mode, opener=_no_link) as handle:
                yield cast(BinaryIO, handle)
        except OSError as error:
            raise InputError(
                f"cannot write {self.path}: {reason(error)}; remove the cause, and `resume` the run"
            ) from error


def _no_link(path: str, flags: int) -> int:
    """Whoever made the folder could have put a link there, to a file elsewhere."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
