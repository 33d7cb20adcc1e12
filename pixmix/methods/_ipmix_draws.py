"""All randomness of IPMix but its masks' in one function, as `pixmix._augment.draws` has PixMix's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._augment.draws import Key, PoolLike, draw as draw_pixmix
from .._augment.settings import PixMixSettings
from .._common import philox
from ._settings import IPMixSettings

OPS = (
    *("equalize", "posterize", "rotate", "solarize", "shear_x", "shear_y", "translate_x", "translate_y"),
    *("mirror", "invert"),
    *("autocontrast", "color", "contrast", "brightness", "sharpness"),
)
"""The names of the ops; numbers in `IPMixDraws` are indices into this tuple."""
MIRROR, INVERT, AUTOCONTRAST = (OPS.index(name) for name in ("mirror", "invert", "autocontrast"))
BASIC_OPS = 10
"""How many of them are used without `all_ops`."""
MIXINGS = ("add", "multiply", "pixels", "elements")
"""What can be done with a patch; the last two choose between the images at each pixel, or at each of its channels."""
ADD, MULTIPLY, PIXELS, ELEMENTS = range(len(MIXINGS))

_SMALL = (4, 8, 16, 32)
_SLOTS = 16
"""Of a step."""


class IPMixDraws(NamedTuple):
    """What IPMix makes of N images, mixed of W chains of at most D steps; steps behind a chain's last are 0 (−1 for
    ops)."""

    share: np.ndarray
    """(N,) float32: the weight of the mixed chains; the image itself has the rest of 1."""

    weights: np.ndarray
    """(N, W) float32: those of the chains among themselves; they sum to 1."""

    patch: np.ndarray
    """(N, W) bool: whether the chain mixes patches; otherwise its steps are ops."""

    steps: np.ndarray
    """(N, W) int8: the chain's steps, from 0 to D."""

    op: np.ndarray
    """(N, W, D) int8: the step's op, an index into `OPS`; in a chain of patches that of the input that is mixed in, or
    −1 for the mixing image."""

    level: np.ndarray
    """(N, W, D) float64: its level, from 0.1 to `severity`."""

    sign: np.ndarray
    """(N, W, D) int8: its sign, +1 or −1, for the ops that have one."""

    box: np.ndarray
    """(N, W, D, 4) int64: the patch's first row and column, and those behind its last."""

    mixing: np.ndarray
    """(N, W, D) int8: what is done with the patch, an index into `MIXINGS`."""

    a: np.ndarray
    """(N, W, D) float32: the weight of the image so far, for add and multiply."""

    b: np.ndarray
    """(N, W, D) float32: the weight of what is mixed in."""

    limit: np.ndarray
    """(N, W, D) int64: below which of a pixel's 2**32 numbers it keeps the image so far, for pixels and elements."""

    image: np.ndarray
    """(N,) int64: the mixing image, an index into the pool; all copies of an image share it, and the next two."""

    top: np.ndarray
    """(N,) int32: the first row of its crop."""

    left: np.ndarray
    """(N,) int32: the first column of its crop."""

    def of(self, rows: slice) -> IPMixDraws:
        """The draws of some of the images."""
        return IPMixDraws(*(field[rows] for field in self))


def patch_sides(settings: IPMixSettings, size: tuple[int, int]) -> tuple[int, ...]:
    """Sides of the patches of images of `size` (H, W): 4 to 32 on CIFAR, 4 to 64 and 224 at 224 px."""
    shorter = min(size)
    sides = settings.patches or (*_SMALL, *((64, shorter) if shorter > 64 else ()))
    return tuple(dict.fromkeys(min(side, shorter) for side in sides))


def draw(settings: IPMixSettings, key: Key, indices: np.ndarray, pool: PoolLike, size: tuple[int, int]) -> IPMixDraws:
    """What IPMix makes of each of the images `indices`: a function of the arguments and nothing else.

    Args:
        settings: the user's choices.
        key: seed and epoch.
        indices: (N,) the images' indices in their data set, 0 to 2**32 − 1.
        pool: the mixing images; the one of an image and its crop are those that PixMix would mix in.
        size: (H, W) of the images.

    Raises:
        InputError: the pool is empty, or its crops are larger than its images.
    """
    indices = philox.check_indices(indices)
    mixed_in = draw_pixmix(PixMixSettings(k=0), key, indices, pool)
    # The slots: block 0 has the share; a chain has 2**8 blocks, so that a wider or deeper mixture shifts nothing. Its
    # block 0: weight, kind, steps. Each step's four:
    #   0: op, level, sign, the input mixed in?    1: patch's side, left, top, square?
    #   2: width, height, mixing, limit    3: which pair of Betas?, first Beta, second Beta
    chains = np.stack(
        [_uniforms(key, indices, (w + 1) << 8, 4 + _SLOTS * settings.depth) for w in range(settings.width)], 1
    )
    gammas = -np.log(chains[..., 0])
    patch = chains[..., 1] < 0.5
    count = (chains[..., 2] * (settings.depth + 1)).astype(np.int8)
    u = np.moveaxis(chains[..., 4:].reshape(*patch.shape, settings.depth, _SLOTS), -1, 0)
    there = np.arange(settings.depth) < count[..., None]
    patched = there & patch[..., None]
    augmented = there & (~patch[..., None] | (u[3] < (0.5 if settings.partner == "both" else 0)))
    a, b = weights(u[12], u[13], u[14], settings.beta)
    return IPMixDraws(
        share=_uniforms(key, indices, 0, 1)[:, 0].astype(np.float32),
        weights=(gammas / gammas.sum(axis=1, keepdims=True)).astype(np.float32),
        patch=patch,
        steps=count,
        op=np.where(augmented, (u[0] * (len(OPS) if settings.all_ops else BASIC_OPS)).astype(np.int8), np.int8(-1)),
        level=np.where(augmented, 0.1 + (settings.severity - 0.1) * u[1], 0),
        sign=np.where(augmented, np.where(u[2] > 0.5, np.int8(-1), np.int8(1)), np.int8(0)),
        box=_boxes(u[4:10], patch_sides(settings, size), size) * patched[..., None],
        mixing=(u[10] * len(MIXINGS)).astype(np.int8) * patched,
        a=a * patched,
        b=b * patched,
        limit=(u[11] * 2**32).astype(np.int64) * patched,
        image=mixed_in.image,
        top=mixed_in.top,
        left=mixed_in.left,
    )


def _uniforms(key: Key, indices: np.ndarray, block: int, slots: int) -> np.ndarray:
    return philox.uniforms(key.seed, key.epoch, indices, philox.IPMIX, slots, first=4 * block)


def _boxes(u: np.ndarray, sides: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Top, left, bottom and right, (..., 4) int64, of uniform numbers for side, left, top, square?, width, height."""
    side = np.array(sides)[(u[0] * len(sides)).astype(np.int64)]
    left, top = (u[1] * (size[1] - side + 1)).astype(np.int64), (u[2] * (size[0] - side + 1)).astype(np.int64)
    square, others = u[3] < 0.5, (np.minimum(2 + (each * (side - 1)).astype(np.int64), side) for each in u[4:6])
    width, height = (np.where(square, side, other) for other in others)
    return np.stack([top, left, top + height, left + width], axis=-1)


def weights(which: np.ndarray, first: np.ndarray, second: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """(a, b) float32, as PixMix has them: Beta(β, 1) and Beta(1, β), or 1 + Beta(1, β) and −Beta(1, β), half each."""
    near, far = first ** (1 / beta), 1 - second ** (1 / beta)
    inside = which < 0.5
    return np.where(inside, near, 2 - near).astype(np.float32), np.where(inside, far, -far).astype(np.float32)
