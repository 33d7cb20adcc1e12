"""Image files written by this package, whose seals are checked before they are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ._files import ImageFiles


class SealedFiles(ImageFiles):
    """`ImageFiles` that raises InputError for damaged files.

    Args:
        files: the images.
        check: raises InputError if a file is damaged; see `Manifest.check`.
    """

    def __init__(self, files: ImageFiles, check: Callable[[Path], None]) -> None:
        super().__init__(files.root, files.names, files.labels, files.fit)
        self.check = check

    def __getitem__(self, index: Any) -> Any:
        self.check(self.root / self.names[index])
        return super().__getitem__(index)
