"""pixmix: PixMix and its rivals as augmentations, and the safety measures that judge them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from mixset.errors import InputError

if TYPE_CHECKING:
    from .dataset import EpochSampler, PixMixDataset
    from .draws import Draws, draw
    from .evaluators import evaluate
    from .normalized import Normalized
    from .settings import PixMixSettings
    from .transform import PixMix

# Names are looked up on first use (PEP 562): importing the measures or the kernels imports no torch.
_HOMES = {
    "Draws": "draws",
    "EpochSampler": "dataset",
    "Normalized": "normalized",
    "PixMix": "transform",
    "PixMixDataset": "dataset",
    "PixMixSettings": "settings",
    "draw": "draws",
    "evaluate": "evaluators",
}
__all__ = [
    "Draws",
    "EpochSampler",
    "InputError",
    "Normalized",
    "PixMix",
    "PixMixDataset",
    "PixMixSettings",
    "draw",
    "evaluate",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
