"""Engines: they do to uint8 images what the draws say; `pillow` is the definition, the others are equal to it.

Each is a function `mix(images (N, H, W, 3) uint8, mixing_images (M, h, w, 3) uint8, draws)` that gives
(N, 3, H, W) float32 in [0, 1]. `numba` is the fast one on a CPU. `cuda` mixes tensors on an NVIDIA GPU, from draws that
it makes there; `torch` has `mix_tensors`, for tensors on any device, which uses it where it can, else `numba`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

from mixset._common.errors import InputError

ENGINES: dict[str, str] = {"pillow": "pillow", "numba": "numba", "torch": "torch"}
"""Name of an engine → its module here; modules are imported when asked for."""


def find_engine(name: str) -> Callable[..., np.ndarray]:
    """The `mix` function of the engine `name`.

    Raises:
        InputError: there is no such engine.
    """
    if not isinstance(name, str) or name not in ENGINES:
        raise InputError(f"engine: no engine named {name!r}; known: {', '.join(ENGINES)}")
    return importlib.import_module(f".{ENGINES[name]}", __name__).mix
