"""Training images that cannot be read: each run ends with one line about them, or goes on with others and counts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from mixset._common.decoding import read_image
from mixset._common.errors import InputError

from .._data.labelled import LabelledImages
from .._data.unreadable import Broken, ending, following


class Reader:
    """Reads some images of a training set; in place of one that cannot be read, the next in the set that can.

    So the images of a batch are the same for any number of workers and processes. Iterated once.

    Args:
        indices: (N,) int64.
        rows: how many rows of the image at a place among the indices are needed, by its height and width.
    """

    def __init__(self, images: LabelledImages, indices: np.ndarray, rows: Callable[[int, int, int], int]) -> None:
        self.images, self.indices, self.rows = images, indices, rows
        self.labels: np.ndarray = images.labels[indices]
        """(N,) int64: of the images that were read."""
        self.broken: list[Broken] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        for place, index in enumerate(self.indices.tolist()):
            try:
                yield read_image(self.images.files[index], partial(self.rows, place))
            except InputError as error:
                yield self._other(place, index, str(error))

    def _other(self, place: int, index: int, line: str) -> np.ndarray:
        for other in following(index, len(self.images)):
            try:
                image = read_image(self.images.files[other], partial(self.rows, place))
            except InputError:
                continue
            self.labels[place] = self.images.labels[other]
            self.broken.append(Broken(index, line, True))
            return image
        # The step is still taken, since other processes wait in it, but nothing comes of it.
        self.broken.append(Broken(index, line, False))
        return np.zeros((8, 8, 3), np.uint8)


class BrokenImages:
    """What becomes of broken images in a process of a run.

    Args:
        skip: whether to go on without them.
        alone: whether this is the only process, so that none waits when it ends.
    """

    def __init__(self, *, skip: bool, alone: bool) -> None:
        self.skip, self.alone = skip, alone
        self.count = 0
        """Skipped in this epoch."""
        self.error: str | None = None
        """What the run has to end with, as soon as all processes know."""
        self._named: set[int] = set()

    def name(self, broken: Iterable[Broken], *, quiet: bool) -> None:
        """Name images on stderr, each once; `quiet`: another process does."""
        for image, line, _ in broken:
            if image not in self._named:
                self._named.add(image)
                if not quiet:
                    print(f"skipped: {line}", file=sys.stderr)

    def take(self, broken: tuple[Broken, ...]) -> None:
        """Note those of a batch; an InputError if the run ends by one and no other process waits for this one."""
        for each in broken:
            if self.skip and each.replaced:
                self.count += 1
                self.name([each], quiet=False)
                continue
            error = ending(each.line, skip=self.skip)
            self.error = self.error or str(error)
            if self.alone:
                raise error
