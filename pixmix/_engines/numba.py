"""PixMix by compiled kernels on the CPU: whole batches of uint8 images, equal to the `pillow` engine.

The ops are equal bit for bit; after mixing a byte in 10⁵ may differ by more than 1/255, where `multiply` amplifies
the last bits of a power near black.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.kernels import kernel

from .._augment.draws import Draws
from .._common.threads import read_only, run
from .inputs import check_images
from .mixings import mix as mix_into
from .mixings import multiply_bytes
from .ops import augment
from .planes import split_planes, to_float


@kernel
def _mix_range(
    first,
    last,
    images,
    mixing_images,
    start_op,
    start_level,
    start_sign,
    rounds,
    op,
    level,
    sign,
    mixing,
    a,
    b,
    a2,
    b2,
    coin,
    channel,
    image,
    top,
    left,
    result,
):
    """PixMix of the images from `first` up to `last`; what lies between images and result are `Draws`' fields."""
    height, width = images.shape[1:3]
    clean = np.empty((3, height, width), np.uint8)
    start = np.empty((3, height, width), np.uint8)
    partner = np.empty((3, height, width), np.uint8)
    flat_partner = partner.reshape(-1)
    for n in range(first, last):
        split_planes(images[n], 0, 0, clean)
        begin = clean
        if start_op[n] >= 0:
            augment(clean, start_op[n], start_level[n], start_sign[n], start)
            begin = start
        flat_begin, out = begin.reshape(-1), result[n].reshape(-1)
        if rounds[n] == 0 or mixing[n, 0] != 1:
            to_float(flat_begin, out)
        for r in range(rounds[n]):
            if op[n, r] >= 0:
                augment(clean, op[n, r], level[n, r], sign[n, r], partner)
            else:
                split_planes(mixing_images[image[n]], top[n], left[n], partner)
            if r == 0 and mixing[n, 0] == 1:
                multiply_bytes(flat_begin, flat_partner, a[n, 0], b[n, 0], out)
            else:
                mix_into(
                    mixing[n, r],
                    out,
                    flat_partner,
                    a[n, r],
                    b[n, r],
                    a2[n, r],
                    b2[n, r],
                    coin[n, r],
                    channel[n, r],
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
    fields = map(np.ascontiguousarray, draws.arrays())
    arguments: list[Any] = [read_only(images), read_only(mixing_images), *fields, result]
    run(_mix_range, count, arguments, values=result.size, threads=threads)
    return result
