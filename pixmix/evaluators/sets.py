"""The sets that suites ask for: from the folder a user names to what reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from mixset.errors import InputError

from ..readers import CorruptedSet, OutlierSets, PerturbedSet, RenditionSet

KNOWN = ("c", "cbar", "p", "r", "ood")


def open_sets(
    sets: Mapping[str, Any], size: tuple[int, int] | None, resize: bool, partial: bool
) -> dict[str, CorruptedSet | PerturbedSet | RenditionSet | OutlierSets]:
    """Open each set that is given as a folder (out-of-distribution sets also as paths by name).

    Args:
        sets: name out of `KNOWN` → folder, or a set that is opened already.
        size: (H, W) of the test pictures, to which out-of-distribution ones are brought.
        resize, partial: as in `pixmix.evaluate`.

    Raises:
        InputError: an unknown name, or a set that cannot be read.
    """
    opened = {}
    for name, given in sets.items():
        if name not in KNOWN:
            raise InputError(f"sets: no suite {name!r} has one; known: {', '.join(KNOWN)}")
        if not isinstance(given, str | os.PathLike | Mapping):
            opened[name] = given
        elif name == "ood":
            if size is None or size[0] != size[1]:
                raise InputError(f"anomalies: square test pictures are needed, got {size}; open the sets yourself")
            opened[name] = OutlierSets(given, size[0], partial=partial)
        elif name == "p":
            opened[name] = PerturbedSet(given, partial=partial)
        elif name == "r":
            opened[name] = RenditionSet(given, partial=partial)
        else:
            opened[name] = CorruptedSet(given, name, resize=resize, partial=partial)
    return opened
