"""mixset: make, store and read mixing sets, the structurally complex pictures that PixMix mixes into others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .lazy import lazy_exports

if TYPE_CHECKING:
    from .errors import DamagedPicture, InputError
    from .mixing_set import MixingSet
    from .pool import MixingPool
    from .shards import ShardWriter

_HOMES = {
    "DamagedPicture": "errors",
    "InputError": "errors",
    "MixingPool": "pool",
    "MixingSet": "mixing_set",
    "ShardWriter": "shards",
}
__all__ = ["DamagedPicture", "InputError", "MixingPool", "MixingSet", "ShardWriter"]


if "NUMBA_CACHE_DIR" not in os.environ and not os.access(os.path.dirname(__file__), os.W_OK):
    # Compiled kernels are kept beside their sources. Where those are read-only, numba turns to the home and, if that is
    # read-only too, gives up: so name a folder that can be written, before the first kernel is imported.
    from .cache import cache_folder

    os.environ["NUMBA_CACHE_DIR"] = str(cache_folder() / "numba")

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
