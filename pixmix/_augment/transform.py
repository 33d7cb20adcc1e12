"""PixMix as a torchvision v2 transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2

from mixset._common.arguments import check_number
from mixset._common.errors import InputError

from .._common import philox
from .._common.images import as_array, stack
from .._engines import find_engine
from .draws import Key
from .mixing import mix_arrays
from .pools import LazyPool, MixingSource
from .settings import PixMixSettings, SettingsKeywords


class PixMix(v2.Transform):
    """Mix structurally complex images into training images (Hendrycks et al., CVPR 2022).

    Takes PIL images, (3, H, W) uint8 tensors and (H, W, 3) uint8 arrays, also grey ones, alone or in a sample, and
    returns (3, H, W) float32 tensors in [0, 1]. Use it after crops and flips and before `v2.Normalize`. Each call draws
    one random number from torch's generator; for images that depend on (seed, epoch, index) alone, see
    `pixmix.PixMixDataset`.

    In a sample, the parts that torchvision's own transforms treat as images are mixed: PIL images, `tv_tensors.Image`
    and `tv_tensors.Video`, (T, 3, H, W) uint8, all with the same draw. If there are none, the first plain tensor of at
    least two dimensions is the image, or else the first such array; uint8 with three channels takes precedence.
    Everything else is unchanged: masks, boxes, key points, labels.

    Args:
        mixing_set: a folder of images or shards, several folders, a `MixingSet` or a `MixingPool`; None with
            `partner="input"`.
        size: S or (H, W) of the training images in pixels; default: that of the first image. With it, the pool of
            mixing images is made at once.
        weights: how often each of several folders is drawn, relative to the others; default: its number of images.
        p: the probability that a sample is mixed; otherwise its images are only converted to float.
        engine: the engine that mixes, "numba", "pillow" or "torch".
        settings: the fields of `PixMixSettings` as keywords: k, beta, aug_severity, all_ops, mixings and partner.

    Raises:
        InputError: a setting is out of range, the mixing set cannot be used, an image has another size or dtype, or a
            sample has no image.

    Example:
        >>> import torch
        >>> import pixmix
        >>> mix = pixmix.PixMix("my-set", size=32, k=4, beta=3, aug_severity=3)
        >>> mixed = mix(torch.zeros(3, 32, 32, dtype=torch.uint8))
        >>> mixed.shape, mixed.dtype
        (torch.Size([3, 32, 32]), torch.float32)
    """

    def __init__(
        self,
        mixing_set: MixingSource,
        *,
        size: int | tuple[int, int] | None = None,
        weights: Sequence[float] | None = None,
        p: float = 1.0,
        engine: str = "numba",
        **settings: Unpack[SettingsKeywords],
    ) -> None:
        super().__init__()
        self.p = check_number("p", p, low=0.0, high=1.0)
        self.settings = PixMixSettings(**settings)
        find_engine(engine)
        self.engine = engine
        self._pool = LazyPool(mixing_set, weights=weights, size=size, settings=self.settings)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """One 63-bit seed, which all images of a sample share."""
        if not flat_inputs:
            raise InputError("sample: has no image; PIL images, tensors and arrays are mixed")
        return {"seed": int(torch.randint(2**63 - 1, ()).item())}

    def _needs_transform_list(self, flat_inputs: list[Any]) -> list[bool]:
        """Which parts of a sample are images: torchvision's rule, and arrays if there is nothing else."""
        images = {index for index, part in enumerate(flat_inputs) if isinstance(part, _IMAGES)}
        if not images:
            plain = [index for index, part in enumerate(flat_inputs) if _is_plain(part)]
            plain.sort(key=lambda index: _precedence(flat_inputs[index]))
            images = set(plain[:1])
        return [index in images for index in range(len(flat_inputs))]

    def transform(self, inpt: Any, params: dict[str, Any]) -> Tensor:
        """Mix one image to (3, H, W) float32 in [0, 1], or a video to (T, 3, H, W)."""
        if isinstance(inpt, Tensor) and inpt.is_floating_point():
            raise InputError(f"image: is a {inpt.dtype} tensor; put PixMix before ToDtype, ToTensor and Normalize")
        video = isinstance(inpt, tv_tensors.Video)
        frames = _frames(inpt) if video else as_array(inpt)[None]
        pool = self._pool.get((frames.shape[1], frames.shape[2]))
        key, indices = Key(params["seed"]), np.zeros(len(frames), np.int64)
        if philox.uniforms(key.seed, 0, indices[:1], philox.PIXMIX, 1, first=_APPLIED)[0, 0] < self.p:
            mixed = mix_arrays(frames, key, indices, settings=self.settings, pool=pool, engine=self.engine)
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
"""The slot of the random stream that decides whether a sample is mixed, in a block that `draw` does not use."""
_IMAGES = (Image.Image, tv_tensors.Image, tv_tensors.Video)


def _is_plain(part: object) -> bool:
    """Whether a part of a sample is a plain tensor or array that may be an image; labels have fewer dimensions."""
    return isinstance(part, Tensor | np.ndarray) and not isinstance(part, tv_tensors.TVTensor) and part.ndim >= 2


def _precedence(part: Tensor | np.ndarray) -> int:
    """0 for a uint8 image of three channels, 1 for any other tensor, 2 for any other array."""
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
