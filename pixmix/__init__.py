"""pixmix: PixMix and its rivals as augmentations, and the safety measures that judge them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixset.errors import InputError
from mixset.lazy import lazy_exports

if TYPE_CHECKING:
    from .batch import PixMixBatch
    from .dataset import PixMixDataset
    from .draws import Draws, draw
    from .evaluators import evaluate
    from .normalized import Normalized
    from .sampler import EpochSampler
    from .settings import PixMixSettings
    from .transform import PixMix

_HOMES = {
    "Draws": "draws",
    "EpochSampler": "sampler",
    "Normalized": "normalized",
    "PixMix": "transform",
    "PixMixBatch": "batch",
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
    "PixMixBatch",
    "PixMixDataset",
    "PixMixSettings",
    "draw",
    "evaluate",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
