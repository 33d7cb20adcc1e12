"""mixset: make, store and read mixing sets, the structurally complex pictures that PixMix mixes into others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import lazy_exports

if TYPE_CHECKING:
    from .errors import DamagedPicture, InputError
    from .mixing_set import MixingSet
    from .pool import MixingPool
    from .shard_writer import ShardWriter

_HOMES = {
    "DamagedPicture": "errors",
    "InputError": "errors",
    "MixingPool": "pool",
    "MixingSet": "mixing_set",
    "ShardWriter": "shard_writer",
}
__all__ = ["DamagedPicture", "InputError", "MixingPool", "MixingSet", "ShardWriter"]


__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
