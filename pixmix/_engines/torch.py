"""PixMix of tensors on any device from draws that the host has made: by CUDA kernels where they run, else on the CPU.

On the CPU it is the `numba` engine, with a copy there and back for other devices, which are then waited for.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.draws import Draws
from .._augment.residents import Resident
from .cuda import mix_tensors as mix_by_cuda, serves
from .inputs import check_draws, check_tensor
from .numba import mix as mix

__all__ = ["mix", "mix_tensors"]


def mix_tensors(images: Tensor, mixing_images: Resident | None, draws: Draws) -> Tensor:
    """PixMix of N images.

    Args:
        images: (N, H, W, 3) uint8 on any device.
        mixing_images: (M, h, w, 3) uint8 with h ≥ H and w ≥ W, for that device; None where the partner is the input.
        draws: what to do, for N images.

    Returns:
        (N, 3, H, W) float32 in [0, 1] on the device, channels-last in memory.

    Raises:
        InputError: a tensor has another shape, type or device.
    """
    check_tensor("images", images)
    if mixing_images is not None and mixing_images.device.type != images.device.type:
        raise InputError(f"mixing images: are on {mixing_images.device}, the images on {images.device}")
    check_draws(draws, images.shape, None if mixing_images is None else mixing_images.shape)
    if serves(images.device):
        if mixing_images is None or mixing_images.tensor is not None:
            return mix_by_cuda(images, None if mixing_images is None else mixing_images.tensor, draws)
        crops = mixing_images.crops(draws.image, draws.top, draws.left, (images.shape[1], images.shape[2]))
        return mix_by_cuda(images, crops, draws.of_crops())
    array = None if mixing_images is None else mixing_images.array
    mixed = mix(images.cpu().numpy(), array.cpu().numpy() if isinstance(array, Tensor) else array, draws)
    return torch.from_numpy(mixed).to(images.device, memory_format=torch.channels_last)
