"""MixingSet: the images of one or more folders as one sequence."""

from __future__ import annotations

import bisect
import itertools
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import SupportsIndex, overload

import numpy as np

from .._common.arguments import check_list, check_numbers, check_path
from .._common.errors import InputError, printable
from .._common.jsons import json_hash
from .open_shards import OpenShards
from .set_parts import Origin, Part, Reader, open_parts


class MixingSet(Sequence[np.ndarray]):
    """The images of one or more sources as a sequence of (H, W, 3) uint8 arrays, whose sizes may differ.

    Shards are opened on first use in each process, so a set can be pickled and used in DataLoader workers.

    Args:
        sources: folders of shards, single shards, or folders of image files in any nesting.
        weights: how often each source is drawn, relative to the others; default: its number of images.
        families: use only images of these families, for example ("fractals",); default: all.

    Raises:
        InputError: a folder is missing, empty or unfinished; a shard is damaged or its format too new; a source has no
            image of `families`; or `weights` does not match the sources.
        DamagedImage: raised by `mixing_set[i]`, naming shard and index.

    Example:
        >>> import mixset
        >>> images = mixset.MixingSet("my-set")
        >>> len(images), images[0].shape, images[0].dtype
        (6, (40, 40, 3), dtype('uint8'))
    """

    def __init__(
        self,
        *sources: str | os.PathLike[str],
        weights: Sequence[float] | None = None,
        families: Sequence[str] | None = None,
    ) -> None:
        if not sources:
            raise InputError("a mixing set needs at least one folder; `mixset make fractals OUT` makes one")
        if isinstance(families, str):
            families = (families,)
        if families is not None and not all(
            isinstance(name, str) for name in check_list("families", families, "names")
        ):
            raise InputError(f"families: a list of names is needed, got {families!r}")
        self.sources = tuple(check_path("mixing set", source) for source in sources)
        self.families = None if families is None else tuple(families)
        self._parts: list[Part] = []
        counts: list[int] = []
        for source in self.sources:
            parts = _select(source, open_parts(source), self.families)
            self._parts += parts
            counts.append(sum(part.count for part in parts))
        self.counts = tuple(counts)
        """The number of images of each source."""
        self.weights = _check_weights(weights, self.counts)
        """The probability that a mixing image is drawn from each source; they sum to 1."""
        self._ends = list(itertools.accumulate(part.count for part in self._parts))
        self._files = OpenShards()

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: SupportsIndex) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = index.__index__()
        if not -len(self) <= i < len(self):
            raise IndexError(f"image {i} of a mixing set of {len(self)}")
        part, position = self._locate(i % len(self))
        return part.read(position, self._files)

    def _locate(self, index: int) -> tuple[Part, int]:
        number = bisect.bisect_right(self._ends, index)
        part = self._parts[number]
        return part, index - (self._ends[number] - part.count)

    def readers(self) -> Iterator[Reader]:
        """Yield for every image in order a function that reads it, which any thread may call.

        After the last image of a shard its content hash is checked. The iterator and the functions raise DamagedImage.
        """
        return itertools.chain.from_iterable(part.readers() for part in self._parts)

    def content_hash(self) -> str:
        """A hash that identifies the images: of the shards' content hashes, or of files' names, sizes and times."""
        return json_hash([part.content() for part in self._parts])

    def image_families(self) -> list[str]:
        """The family of each image, in order."""
        return [family for part in self._parts for family in itertools.repeat(part.family, part.count)]

    def caption(self, index: int) -> tuple[str, str]:
        """Two lines about an image: its family and index, and its origin.

        The origin is the file it was imported from (`file` in its params), what it visualises (`shows`), or its seed.
        """
        part, position = self._locate(index)
        first, second = part.caption(position)
        return printable(first), printable(second)

    def origin(self, index: int) -> Origin | None:
        """What an image was made from; None for an image file."""
        part, position = self._locate(index)
        return part.origin(position)

    def describe(self) -> str:
        """A line for each source: its path, images per family and probability."""
        lines = []
        parts = iter(self._parts)
        for source, count, weight in zip(self.sources, self.counts, self.weights, strict=True):
            families: Counter[str] = Counter()
            while sum(families.values()) < count:
                part = next(parts)
                families[part.family] += part.count
            contents = ", ".join(f"{number:,} {family}" for family, number in sorted(families.items()))
            share = f", drawn {weight:.0%} of the time" if len(self.sources) > 1 else ""
            lines.append(printable(f"{source}: {contents}{share}"))
        return "\n".join(lines)

    def details(self) -> list[str]:
        """A line for each distinct size, compression and recipe of the shards, or for image files."""
        counts = Counter(printable(part.detail()) for part in self._parts)
        return [f"{line} ({number} shards)" if number > 1 else line for line, number in counts.items()]

    def __repr__(self) -> str:
        return printable(f"MixingSet({', '.join(map(str, self.sources))}: {len(self):,} images)")


def _select(source: Path, parts: list[Part], families: Sequence[str] | None) -> list[Part]:
    counts: Counter[str] = Counter()
    for part in parts:
        counts[part.family] += part.count
    if not sum(counts.values()):
        raise InputError(f"mixing set {source} holds no images")
    if families is None:
        return [part for part in parts if part.count]
    chosen = [part for part in parts if part.family in families and part.count]
    if not chosen:
        has = ", ".join(f"{family} ({number:,})" for family, number in sorted(counts.items()))
        raise InputError(f"mixing set {source} holds no images of {', '.join(families)}; it has {has}")
    return chosen


def _check_weights(weights: Sequence[float] | None, counts: Sequence[int]) -> tuple[float, ...]:
    values = [float(count) for count in counts]
    if weights is not None:
        values = check_numbers("weights", weights, low=0, high=1e300)
    if len(values) != len(counts):
        raise InputError(f"weights: {len(values)} weights for {len(counts)} mixing sets; give one for each")
    if not all(math.isfinite(weight) and weight >= 0 for weight in values) or not sum(values) > 0:
        raise InputError(f"weights: {values} must be finite, not negative and not all zero")
    return tuple(weight / sum(values) for weight in values)
