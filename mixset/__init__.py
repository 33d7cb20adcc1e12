"""mixset: make, store and read mixing sets, the structurally complex pictures that PixMix mixes into others."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import DamagedPicture, InputError
    from .mixing_set import MixingSet
    from .pool import MixingPool
    from .shards import ShardWriter

# Names are looked up on first use (PEP 562), so that `import mixset` costs nothing.
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


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
