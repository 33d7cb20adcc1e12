"""PixMix by compiled kernels on the CPU: whole batches of uint8 images, equal to the `pillow` engine.

The ops are equal bit for bit; after mixing a byte in 10⁵ may differ by more than 1/255, where `multiply` amplifies
the last bits of a power near black.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._augment.draws import Draws
from .._common.threads import read_only, run
from .inputs import check_images
from .mixings import mix as mix_into, multiply_bytes
from .ops import augment
from .planes import split_planes, to_float


class Fields(NamedTuple):
    """`Draws` as a kernel takes them: contiguous arrays, in the order of `Draws.arrays()`."""

    start_op: np.ndarray
    start_level: np.ndarray
    start_sign: np.ndarray
    rounds: np.ndarray
    op: np.ndarray
    level: np.ndarray
    sign: np.ndarray
    mixing: np.ndarray
    a: np.ndarray
    b: np.ndarray
    a2: np.ndarray
    b2: np.ndarray
    coin: np.ndarray
    channel: np.ndarray
    image: np.ndarray
    top: np.ndarray
    left: np.ndarray


@kernel
def _mix_range(
    first: int, last: int, images: np.ndarray, mixing_images: np.ndarray, draws: Fields, result: np.ndarray
) -> None:
    """PixMix of the images from `first` up to `last`."""
    height, width = images.shape[1:3]
    clean = np.empty((3, height, width), np.uint8)
    start = np.empty((3, height, width), np.uint8)
    partner = np.empty((3, height, width), np.uint8)
    flat_partner = partner.reshape(-1)
    for n in range(first, last):
        split_planes(images[n], 0, 0, clean)
        begin = clean
        if draws.start_op[n] >= 0:
            augment(clean, draws.start_op[n], draws.start_level[n], draws.start_sign[n], start)
            begin = start
        flat_begin, out = begin.reshape(-1), result[n].reshape(-1)
        if draws.rounds[n] == 0 or draws.mixing[n, 0] != 1:
            to_float(flat_begin, out)
        for r in range(draws.rounds[n]):
            if draws.op[n, r] >= 0:
                augment(clean, draws.op[n, r], draws.level[n, r], draws.sign[n, r], partner)
            else:
                split_planes(mixing_images[draws.image[n]], draws.top[n], draws.left[n], partner)
            if r == 0 and draws.mixing[n, 0] == 1:
                multiply_bytes(flat_begin, flat_partner, draws.a[n, 0], draws.b[n, 0], out)
            else:
                mix_into(
                    draws.mixing[n, r],
                    out,
                    flat_partner,
                    draws.a[n, r],
                    draws.b[n, r],
                    draws.a2[n, r],
                    draws.b2[n, r],
                    draws.coin[n, r],
                    draws.channel[n, r],
                )


def mix(
    images: np.ndarray,
    mixing_images: np.ndarray | None,
    draws: Draws,
    *,
    threads: int | None = None,
) -> np.ndarray:
    """PixMix of N images.

    Args:
        images: (N, H, W, 3) uint8.
        mixing_images: (M, h, w, 3) uint8 with h ≥ H and w ≥ W; None where the partner is the input.
        draws: what to do, for N images.
        threads: how many to use; default: one in a worker process, else `$OMP_NUM_THREADS`, else one a core.

    Returns:
        (N, 3, H, W) float32 in [0, 1], the same for any number of threads.

    Raises:
        InputError: an array has another shape or type.
    """
    check_images(images, mixing_images, draws)
    count, height, width, _ = images.shape
    result = np.empty((count, 3, height, width), np.float32)
    if mixing_images is None:
        mixing_images = np.zeros((1, 1, 1, 3), np.uint8)
    fields = Fields(*map(np.ascontiguousarray, draws.arrays()))
    arguments: list[Any] = [read_only(images), read_only(mixing_images), fields, result]
    run(_mix_range, count, arguments, values=result.size, threads=threads)
    return result
