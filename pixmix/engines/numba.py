"""PixMix by compiled kernels on the CPU: whole batches of uint8 pictures, equal to the `pillow` engine.

The ops are equal bit for bit; after mixing a byte in 10⁵ may differ by more than 1/255, where `multiply` amplifies
the last bits of a power near black.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset.kernels import kernel

from ..draws import Draws
from .inputs import check_pictures
from .mixings import mix as mix_into
from .mixings import multiply_bytes
from .ops import augment
from .planes import split_planes, to_float
from .threads import read_only, run


@kernel
def _mix_range(
    first,
    last,
    pictures,
    mixing_pictures,
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
    picture,
    top,
    left,
    result,
):
    """PixMix of the pictures from `first` up to `last`; what lies between pictures and result are `Draws`' fields."""
    height, width = pictures.shape[1:3]
    clean = np.empty((3, height, width), np.uint8)
    start = np.empty((3, height, width), np.uint8)
    partner = np.empty((3, height, width), np.uint8)
    flat_partner = partner.reshape(-1)
    for n in range(first, last):
        split_planes(pictures[n], 0, 0, clean)
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
                split_planes(mixing_pictures[picture[n]], top[n], left[n], partner)
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
    pictures: np.ndarray,
    mixing_pictures: np.ndarray | None,
    draws: Draws,
    *,
    threads: int | None = None,
) -> np.ndarray:
    """PixMix of N pictures.

    Args:
        pictures: (N, H, W, 3) uint8.
        mixing_pictures: (M, h, w, 3) uint8 with h ≥ H and w ≥ W; None where the partner is the input.
        draws: what to do, for N pictures.
        threads: how many to use; default: one in a worker process, else `$OMP_NUM_THREADS`, else one a core.

    Returns:
        (N, 3, H, W) float32 in [0, 1], the same for any number of threads.

    Raises:
        InputError: an array has another shape or type.
    """
    check_pictures(pictures, mixing_pictures, draws)
    count, height, width, _ = pictures.shape
    result = np.empty((count, 3, height, width), np.float32)
    if mixing_pictures is None:
        mixing_pictures = np.zeros((1, 1, 1, 3), np.uint8)
    fields = map(np.ascontiguousarray, draws.arrays())
    arguments: list[Any] = [read_only(pictures), read_only(mixing_pictures), *fields, result]
    run(_mix_range, count, arguments, values=result.size, threads=threads)
    return result
