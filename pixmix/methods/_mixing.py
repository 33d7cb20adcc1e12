"""PixMix (Hendrycks et al., 2022) and its two variants of Table 1 as methods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import Key, PoolLike
from .._augment.mixing import BatchMixer, mix_arrays
from .._augment.residents import Resident
from .._augment.settings import Partner, PixMixSettings
from .._engines import find_engine
from ._base import Method, Setting

PARTNERS: dict[str, Partner] = {
    "pixmix": "both",
    "mix-input": "input",
    "mix-aug": "mixing_set",
}
"""What a round mixes in, by method."""


class PixMixMethod(Method):
    """PixMix, Mix Input (partner always an augmented copy of the input) or Mix Aug (always the mixing image).

    The paper's settings: k = 4, beta = 3, severity 3 on CIFAR; k = 4, beta = 4, severity 1 on ImageNet.

    Args:
        name: of `PARTNERS`.
        settings: PixMix's; default the CIFAR ones.
        pool: of mixing images; None for mix-input.
        engine: which of `pixmix._engines.ENGINES` mixes.

    Raises:
        InputError: an unknown engine, a missing pool, or settings whose partner is another method's.
    """

    keys = ("image",)

    def __init__(
        self, name: str, *, settings: PixMixSettings | None = None, pool: PoolLike | None = None, engine: str = "numba"
    ) -> None:
        self.name, partner = name, PARTNERS[name]
        settings = settings or PixMixSettings()
        if settings.partner not in ("both", partner):
            other = next(method for method, value in PARTNERS.items() if value == settings.partner)
            raise InputError(f"method {name} cannot have partner {settings.partner!r}; that is method {other}")
        self.settings = replace(settings, partner=partner)
        self.pool = None if partner == "input" else pool
        if self.pool is None and partner != "input":
            raise InputError(f"method {name} needs a mixing set; give a pool")
        self.engine = engine
        find_engine(engine)
        self._mixer = BatchMixer(self.settings)

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return mix_arrays(batch, key, indices, settings=self.settings, pool=self.pool, engine=self.engine)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        return self._mixer.mix(batch, key, indices, self.pool)

    def augment_resident(self, stored: Resident, key: Key, indices: np.ndarray, *, padding: int, flip: bool) -> Tensor:
        return self._mixer.cut_and_mix(stored, key, indices, self.pool, padding=padding, flip=flip)


def make(name: str, setting: Setting) -> Method:
    """PixMix or one of its variants."""
    return PixMixMethod(name, settings=setting.settings.mix, pool=setting.pool, engine=setting.engine)
