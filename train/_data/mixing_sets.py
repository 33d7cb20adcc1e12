"""Mixing sets as users name them: folders, or `fractals` for the set that is made on first use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixset import MixingSet
from mixset.generate import default_set


def mixing_set(names: Sequence[str], weights: Sequence[float], size: int) -> MixingSet:
    """The mixing set of `--mixing-set` and `--weights` for training images of `size` pixels."""
    sources = [default_set(size) if name == "fractals" else Path(name) for name in names]
    return MixingSet(*sources, weights=weights or None)
