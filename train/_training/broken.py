"""Training images that cannot be read: each run ends with one line about them, or goes on with others and counts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from mixset._common.decoding import read_image
from mixset._common.errors import InputError

from .._data.labelled import LabelledImages

NEXT = 16
"""How many images after a broken one are tried in its place."""


class Broken(NamedTuple):
    """An image that could not be read."""

    image: int
    """Its index in the training set."""
    line: str
    """What is wrong; names the file."""
    replaced: bool
    """Whether another image could be taken in its place."""


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
        for step in range(1, NEXT + 1):
            other = (index + step) % len(self.images)
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

    def take(self, broken: tuple[Broken, ...]) -> None:
        """Note those of a batch; an InputError if the run ends by one and no other process waits for this one."""
        for image, line, replaced in broken:
            if self.skip and replaced:
                self.count += 1
                if image not in self._named:
                    self._named.add(image)
                    print(f"skipped: {line}", file=sys.stderr)
                continue
            self.error = self.error or (
                f"{line}; so are the {NEXT} after it" if self.skip else f"{line}; or skip it with `skip_broken`"
            )
            if self.alone:
                raise InputError(self.error)
