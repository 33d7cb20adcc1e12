"""Images in files that this package wrote: each is compared with the hash behind it before it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ._files import ImageFiles


class SealedFiles(ImageFiles):
    """Labelled images in files as `ImageFiles` has them; a file that is not as it was written is an InputError.

    Args:
        files: the images.
        check: raises for a file that is damaged; see `Made.check`.
    """

    def __init__(self, files: ImageFiles, check: Callable[[Path], None]) -> None:
        super().__init__(files.root, files.names, files.labels, files.fit)
        self.check = check

    def __getitem__(self, index):
        self.check(self.root / self.names[index])
        return super().__getitem__(index)
