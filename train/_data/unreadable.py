"""Training images that cannot be read: which images take their place, and the line that a run ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from mixset._common.errors import InputError

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


def following(index: int, count: int) -> Iterator[int]:
    """The images that are tried in the place of one of `count`, in their order."""
    return ((index + step) % count for step in range(1, NEXT + 1))


def ending(line: str, *, skip: bool) -> InputError:
    """What a run ends with because of an image; `skip`: although it was to go on without."""
    return InputError(f"{line}; so are the {NEXT} after it" if skip else f"{line}; or skip it with `skip_broken`")


class Unreadable:
    """Takes note of training images that cannot be read while they are read into memory.

    Args:
        skip: whether the run goes on without them.
    """

    def __init__(self, *, skip: bool) -> None:
        self.skip = skip
        self.lines: dict[int, str] = {}
        """What is wrong with each, by its index."""

    def note(self, index: int, error: InputError) -> None:
        """Take note of an image; an InputError if it ends the run."""
        if not self.skip:
            raise ending(str(error), skip=False) from error
        self.lines[index] = str(error)


def put_others(array: np.ndarray, labels: np.ndarray, lines: Mapping[int, str]) -> tuple[Broken, ...]:
    """Put the next image that could be read, with its label, in the place of each that could not.

    Args:
        array: (N, S, S, 3) uint8, changed in place.
        labels: (N,) int64, changed in place.
        lines: what is wrong with each of those, by its index.

    Raises:
        InputError: those after one cannot be read, either.
    """
    for index in sorted(lines):
        other = next((each for each in following(index, len(array)) if each not in lines), None)
        if other is None:
            raise ending(lines[index], skip=True)
        array[index], labels[index] = array[other], labels[other]
    return tuple(Broken(index, lines[index], True) for index in sorted(lines))
