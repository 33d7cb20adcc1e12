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

from mixset._common.arguments import check_number
from mixset._common.errors import InputError
from mixset._common.memory import keep_freed_memory

from .._common import philox
from .._common.images import as_array, stack
from .._engines import find_engine
from .draws import Key, draw
from .pools import LazyPool, Source
from .settings import PixMixSettings


class PixMix(v2.Transform):
    """Mix structurally complex images into training images (Hendrycks et al., CVPR 2022).

    Takes PIL images, (3, H, W) uint8 tensors and (H, W, 3) uint8 arrays, grey ones too, alone or in a sample; gives
    (3, H, W) float32 tensors in [0, 1], so that `v2.Normalize` may follow. It stands behind crops and flips. Randomness
    comes from one draw of torch's generator for each call; for images that depend on (seed, epoch, index) alone, see
    `pixmix.PixMixDataset`.

    Of a sample those parts are mixed that torchvision's own transforms take for images: PIL images, `tv_tensors.Image`
    and `tv_tensors.Video`, (T, 3, H, W) uint8, all of them by one draw and all frames of a video alike. Where it has
    none of these, the first plain tensor of two or more dimensions is the image, or without one the first such array;
    a uint8 one with three channels comes before any other. All else passes: masks, boxes, key points, labels.

    Args:
        mixing_set: a folder of images or shards, several folders, a `MixingSet` or a `MixingPool`; None with
            `partner="input"`.
        size: S or (H, W) of the training images; default: that of the first one. Given, the pool of mixing images
            is made now.
        weights: how often each of several folders is drawn; default: as it has images.
        p: the probability that a sample is mixed; otherwise its images only become floats.
        k, beta, aug_severity, all_ops, mixings, partner: as in `PixMixSettings`.
        engine: of `pixmix._engines.ENGINES`.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, or an image has another size or type, or
            a sample has none.
    """

    def __init__(
        self,
        mixing_set: Source,
        *,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        p: float = 1.0,
        k: int = 4,
        beta: float = 3.0,
        aug_severity: float = 3.0,
        all_ops: bool = True,
        mixings: Sequence[str] = ("add", "multiply"),
        partner: Literal["both", "input", "mixing_set"] = "both",
        engine: str = "numba",
    ) -> None:
        super().__init__()
        self.p = check_number("p", p, low=0.0, high=1.0)
        self.settings = PixMixSettings(
            k=k, beta=beta, aug_severity=aug_severity, all_ops=all_ops, mixings=mixings, partner=partner
        )
        find_engine(engine)
        self.engine = engine
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """One 63-bit seed, which all images of a sample share."""
        if not flat_inputs:
            raise InputError("sample: there is no image in it; PIL images, tensors and arrays are mixed")
        return {"seed": int(torch.randint(2**63 - 1, ()).item())}

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        """Which parts of a sample are images: torchvision's rule, and arrays where there is nothing else."""
        images = {index for index, part in enumerate(flat_inputs) if isinstance(part, _IMAGES)}
        if not images:
            plain = [index for index, part in enumerate(flat_inputs) if _is_plain(part)]
            plain.sort(key=lambda index: _rank(flat_inputs[index]))
            images = set(plain[:1])
        return [index in images for index in range(len(flat_inputs))]

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        """One image through PixMix: (3, H, W) float32 in [0, 1]; of a video (T, 3, H, W)."""
        if get_worker_info() is not None:
            keep_freed_memory()  # images of some hundred pixels are decoded a third faster
        if isinstance(inpt, Tensor) and inpt.is_floating_point():
            raise InputError(f"image: is a {inpt.dtype} tensor; put PixMix before ToDtype, ToTensor and Normalize")
        video = isinstance(inpt, tv_tensors.Video)
        frames = _frames(inpt) if video else as_array(inpt)[None]
        pool = self._pool.get((frames.shape[1], frames.shape[2]))
        key, indices = Key(params["seed"]), np.zeros(len(frames), np.int64)
        if philox.uniforms(key.seed, 0, indices[:1], philox.PIXMIX, 1, first=_APPLIED)[0, 0] < self.p:
            mixing_images = None if pool is None else pool.images
            mixed = find_engine(self.engine)(frames, mixing_images, draw(self.settings, key, indices, pool))
        else:
            mixed = np.ascontiguousarray(frames.transpose(0, 3, 1, 2)) / np.float32(255)
        result = torch.from_numpy(mixed if video else mixed[0])
        return tv_tensors.wrap(result, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else result

    def extra_repr(self) -> str:
        s = self.settings
        return (
            f"{self._pool!r}, p={self.p}, k={s.k}, beta={s.beta}, aug_severity={s.aug_severity}, all_ops={s.all_ops}, "
            f"mixings={s.mixings}, partner={s.partner!r}, engine={self.engine!r}"
        )


_APPLIED = 12
"""The slot of the stream that decides whether a sample is mixed: in a block that `draw` leaves free."""
_IMAGES = (Image.Image, tv_tensors.Image, tv_tensors.Video)


def _is_plain(part: object) -> bool:
    """Whether a part of a sample may be its image where none says so: labels have fewer dimensions."""
    return isinstance(part, Tensor | np.ndarray) and not isinstance(part, tv_tensors.TVTensor) and part.ndim >= 2


def _rank(part: Tensor | np.ndarray) -> int:
    """0: surely an image, 1: what torchvision would take for one, 2: what it takes for none."""
    tensor = isinstance(part, Tensor)
    channels = part.shape[0 if tensor else 2] if part.ndim == 3 else None
    if channels == 3 and part.dtype == (torch.uint8 if tensor else np.uint8):
        return 0
    return 1 if tensor else 2


def _frames(video: Tensor) -> np.ndarray:
    """A video as (T, H, W, 3) uint8."""
    if video.ndim != 4 or not len(video) or video.shape[1] not in (1, 3) or video.dtype != torch.uint8:
        raise InputError(f"video: (T, 3, H, W) uint8 is needed, got {video.dtype} of shape {tuple(video.shape)}")
    return stack([as_array(frame) for frame in video.as_subclass(Tensor)])
