"""A ladder of attacks: which image breaks at which radius under which attack, kept after every batch."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError
from mixset._common.seals import write_sealed


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """What is known so far of n images at some radii, the smallest first.

    An image that breaks at a radius is broken at the larger ones, too, so each rung attacks what stands at those below,
    and errors never fall from rung to rung.
    """

    radii: tuple[str, ...]
    """As the user writes them."""
    attacks: tuple[str, ...]
    """In the order in which they run at each radius."""
    right: np.ndarray
    """(n,) bool: answered right before any attack."""
    broken: np.ndarray
    """(radii, n) int8: the number of the attack that broke an image there, from 1; 0 while it stands, and where it was
    not attacked."""
    attacked: np.ndarray
    """(radii, attacks) int64: how many of the images that an attack is for it has had."""
    warnings: list[str] = field(default_factory=list)
    """What the attacks' library warned of."""

    @classmethod
    def start(cls, radii: Sequence[str], attacks: Sequence[str], right: np.ndarray) -> Ladder:
        """A ladder on which nothing has been attacked; `right` (n,) bool."""
        broken = np.zeros((len(radii), len(right)), np.int8)
        attacked = np.zeros((len(radii), len(attacks)), np.int64)
        return cls(radii=tuple(radii), attacks=tuple(attacks), right=right, broken=broken, attacked=attacked)

    def standing(self, rung: int) -> np.ndarray:
        """(n,) bool: right, and broken neither at this rung nor below."""
        return self.right & ~self.broken[: rung + 1].any(axis=0)

    def targets(self, rung: int, attack: int) -> np.ndarray:
        """The images, by index, that an attack is for: those that stood before it."""
        broken_by = self.broken[rung]
        below = self.right & ~self.broken[:rung].any(axis=0)
        return np.flatnonzero(below & ((broken_by == 0) | (broken_by == attack + 1)))

    def rest(self, rung: int, attack: int) -> np.ndarray:
        """Those of `targets` that it has not had."""
        return self.targets(rung, attack)[self.attacked[rung, attack] :]

    def note(self, rung: int, attack: int, images: np.ndarray, broken: np.ndarray) -> None:
        """Write down that an attack has had these images, the next of `rest`, and which it broke."""
        self.broken[rung, images[broken]] = attack + 1
        self.attacked[rung, attack] += len(images)

    def open(self) -> Iterator[tuple[int, int]]:
        """The rungs and attacks, as numbers, that have images left, in order; each looks at what the last one left."""
        for rung in range(len(self.radii)):
            for attack in range(len(self.attacks)):
                if len(self.rest(rung, attack)):
                    yield rung, attack

    def counts(self, rung: int) -> dict[str, int]:
        """How many images each attack broke at a rung."""
        return {name: int((self.broken[rung] == number).sum()) for number, name in enumerate(self.attacks, 1)}


def read_ladder(path: Path, key: str, fresh: Ladder) -> Ladder:
    """The ladder in a file, as far as it is the same that `fresh` starts; else `fresh`.

    A file with fewer rungs is continued, one with more is cut. A damaged one is reported, and begun anew.

    Args:
        key: the hash of everything that the answers depend on, but for the radii.

    Raises:
        InputError: the file is of something else.
    """
    if not path.exists():
        return fresh
    try:
        stored = read_archive(path, str(path), "begun anew")
    except InputError as error:
        print(error, file=sys.stderr)
        return fresh
    try:
        same, radii = str(stored["key"]) == key, tuple(map(str, stored["radii"]))
        rungs = min(len(radii), len(fresh.radii))
        if not same or radii[:rungs] != fresh.radii[:rungs]:
            return fresh
        fresh.broken[:rungs], fresh.attacked[:rungs] = stored["broken"][:rungs], stored["attacked"][:rungs]
        fresh.warnings.extend(map(str, stored["warnings"]))
    except (KeyError, ValueError):
        raise InputError(f"{path}: is of something else; move it, or have the measures elsewhere") from None
    return fresh


def write_ladder(path: Path, key: str, ladder: Ladder) -> None:
    """Write the ladder atomically, with a seal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    np.savez(
        content,
        key=np.array(key),
        radii=np.array(ladder.radii),
        broken=ladder.broken,
        attacked=ladder.attacked,
        warnings=np.array(ladder.warnings, dtype="U") if ladder.warnings else np.zeros(0, "U1"),
    )
    write_sealed(path, content.getbuffer())
