"""PixMix as a torchvision v2 transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import get_worker_info
from torchvision import tv_tensors
from torchvision.transforms import v2

from mixset.memory import keep_freed_memory

from .draws import Key, draw
from .engines import find_engine
from .pictures import as_array
from .pools import LazyPool, Source
from .settings import PixMixSettings


def _is_picture(value: object) -> bool:
    """Whether to transform a part of a sample; labels, boxes and masks pass."""
    if isinstance(value, Image.Image | tv_tensors.Image):
        return True
    return isinstance(value, Tensor | np.ndarray) and not isinstance(value, tv_tensors.TVTensor) and value.ndim >= 2


class PixMix(v2.Transform):
    """Mix structurally complex pictures into training pictures (Hendrycks et al., CVPR 2022).

    Takes PIL images, (3, H, W) uint8 tensors and (H, W, 3) uint8 arrays, grey ones too, alone or in a sample; gives
    (3, H, W) float32 tensors in [0, 1], so that `v2.Normalize` may follow. It stands behind crops and flips. Randomness
    comes from one draw of torch's generator for each call; for pictures that depend on (seed, epoch, index) alone, see
    `pixmix.PixMixDataset`.

    Args:
        mixing_set: a folder of pictures or shards, several folders, a `MixingSet` or a `MixingPool`; None with
            `partner="input"`.
        size: S or (H, W) of the training pictures; default: that of the first one. Given, the pool of mixing pictures
            is made now.
        weights: how often each of several folders is drawn; default: as it has pictures.
        k, beta, aug_severity, all_ops, mixings, partner: as in `PixMixSettings`.
        engine: of `pixmix.engines.ENGINES`.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or a picture has another size or type.
    """

    _transformed_types = (_is_picture,)

    def __init__(
        self,
        mixing_set: Source,
        *,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        k: int = 4,
        beta: float = 3.0,
        aug_severity: float = 3.0,
        all_ops: bool = True,
        mixings: Sequence[str] = ("add", "multiply"),
        partner: Literal["both", "input", "mixing_set"] = "both",
        engine: str = "numba",
    ) -> None:
        super().__init__()
        self.settings = PixMixSettings(
            k=k, beta=beta, aug_severity=aug_severity, all_ops=all_ops, mixings=tuple(mixings), partner=partner
        )
        find_engine(engine)
        self.engine = engine
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """One 63-bit seed, which all pictures of a sample share."""
        return {"seed": int(torch.randint(2**63 - 1, ()).item())}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        """One picture through PixMix: (3, H, W) float32 in [0, 1]."""
        if get_worker_info() is not None:
            keep_freed_memory()  # pictures of some hundred pixels are decoded a third faster
        picture = as_array(inpt)
        pool = self._pool.get((picture.shape[0], picture.shape[1]))
        draws = draw(self.settings, Key(params["seed"]), np.zeros(1, np.int64), pool)
        mixing_pictures = None if pool is None else pool.pictures
        mixed = find_engine(self.engine)(picture[None], mixing_pictures, draws)
        result = torch.from_numpy(mixed[0])
        return tv_tensors.wrap(result, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else result

    def extra_repr(self) -> str:
        s = self.settings
        return (
            f"{self._pool!r}, k={s.k}, beta={s.beta}, aug_severity={s.aug_severity}, all_ops={s.all_ops}, "
            f"mixings={s.mixings}, partner={s.partner!r}, engine={self.engine!r}"
        )
