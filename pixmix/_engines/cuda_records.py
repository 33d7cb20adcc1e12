"""What the CUDA kernels know of a batch: a record for each image, and one for its start and each of its rounds.

The kernel that draws writes them on the device; `records_of` makes them on the host, from draws that exist.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._augment.draws import Draws, PoolArrays, chances_of
from .._augment.settings import PixMixSettings
from .affine_ops import turn
from .ops import factor_of, shear, whole
from .point_ops import kept_bits

HEAD = np.dtype(
    [
        ("rounds", np.int32),
        # The mixing image, and the first row and column of its crop.
        ("top", np.int32),
        ("left", np.int32),
        # How the input is cropped and flipped.
        ("mirrored", np.int32),
        ("crop_top", np.int32),
        ("crop_left", np.int32),
        ("grey", np.int32),  # its mean, where an op asks
        ("image", np.int64),
    ],
    align=True,
)
"""What concerns an image as a whole."""

SOURCE = np.dtype(
    [
        ("op", np.int32),  # −1 for none: at the start the image as it is, in a round the mixing image
        ("mixing", np.int32),
        ("coin", np.int32),
        ("channel", np.int32),
        ("a", np.float32),
        ("b", np.float32),
        ("a2", np.float32),
        ("b2", np.float32),
        ("numbers", np.float64, (6,)),  # what `strength` makes of the op's level
    ],
    align=True,
)
"""A source of pixels: an image's start, which is its first record, or what a round mixes in, and how."""

RECIPE = np.dtype(
    [
        # The fields of `Chances`.
        ("severity", np.float64),
        ("share", np.float64),
        ("exponent", np.float64),
        ("margins", np.int64, (2,)),  # as in `PoolArrays`
        ("ops", np.int32),
        # How images are cropped and flipped; zeros for not at all.
        ("padding", np.int32),
        ("flip", np.int32),
        # Of the images.
        ("height", np.int32),
        ("width", np.int32),
    ],
    align=True,
)
"""What a batch is drawn from."""


@kernel
def strength(
    op: int, level: float, sign: int, height: int, width: int
) -> tuple[float, float, float, float, float, float]:
    """How an op is done: six coefficients of `affine_ops.affine`, or what it needs first, and zeros."""
    if op == 2:
        return np.float64(kept_bits(4 - whole(level, 4))), 0.0, 0.0, 0.0, 0.0, 0.0
    if op == 3:
        return turn(sign * whole(level, 30), height, width)
    if op == 4:
        return np.float64(256 - whole(level, 256)), 0.0, 0.0, 0.0, 0.0, 0.0
    if op == 5:
        return 1.0, sign * shear(level), 0.0, 0.0, 1.0, 0.0
    if op == 6:
        return 1.0, 0.0, 0.0, sign * shear(level), 1.0, 0.0
    if op == 7:
        return np.float64(sign * whole(level, width / 3)), 0.0, 0.0, 0.0, 0.0, 0.0
    if op == 8:
        return 0.0, np.float64(sign * whole(level, height / 3)), 0.0, 0.0, 0.0, 0.0
    if op >= 9:
        return np.float64(factor_of(level)), 0.0, 0.0, 0.0, 0.0, 0.0
    return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@kernel
def _fill_strengths(
    op: np.ndarray, level: np.ndarray, sign: np.ndarray, height: int, width: int, numbers: np.ndarray
) -> None:
    for n in range(op.shape[0]):
        for j in range(op.shape[1]):
            made = strength(op[n, j], level[n, j], int(sign[n, j]), height, width)
            for i in range(6):
                numbers[n, j, i] = made[i]


def make_recipe(
    settings: PixMixSettings, pool: PoolArrays, size: tuple[int, int], *, padding: int, flip: bool
) -> np.ndarray:
    """The record, (1,) of `RECIPE`, of settings, a pool, images of `size` (H, W) and how they are cropped."""
    recipe = np.zeros(1, RECIPE)
    for name, value in chances_of(settings)._asdict().items():
        recipe[name] = value
    recipe["margins"] = pool.margins
    recipe["padding"], recipe["flip"] = padding, flip
    recipe["height"], recipe["width"] = size
    return recipe


def records_of(draws: Draws, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draws for images of `size` (H, W) as records: (N,) of `HEAD` and (N, 1 + k) of `SOURCE`."""
    count, k = draws.op.shape
    heads, sources = np.zeros(count, HEAD), np.zeros((count, 1 + k), SOURCE)
    for name in ("rounds", "image", "top", "left"):
        heads[name] = getattr(draws, name)
    for name in ("mixing", "coin", "channel", "a", "b", "a2", "b2"):
        sources[name][:, 1:] = getattr(draws, name)
    op, level, sign = (
        np.column_stack([getattr(draws, f"start_{name}"), getattr(draws, name)]) for name in ("op", "level", "sign")
    )
    sources["op"] = op
    numbers = np.empty((count, 1 + k, 6))
    _fill_strengths(op, level, sign, *size, numbers)
    sources["numbers"] = numbers
    return heads, sources
