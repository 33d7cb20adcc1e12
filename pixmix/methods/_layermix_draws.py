"""All randomness of LayerMix but its masks' in one function."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._augment.draws import Key, PoolLike, draw as draw_pixmix
from .._augment.settings import PixMixSettings
from .._common import philox
from ._ipmix_draws import ADD, ELEMENTS, MULTIPLY, PIXELS, weights
from ._settings import LayerMixSettings

OPS = (
    *("equalize", "posterize", "posterize_increasing", "solarize", "solarize_increasing", "autocontrast", "greyscale"),
    *("rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
)
"""The names of the ops; numbers in `LayerMixDraws` are indices into this tuple."""
POSTERIZE, INCREASING = OPS.index("posterize"), OPS.index("posterize_increasing")
SIGNED = OPS.index("rotate")
"""From it on, ops have a direction."""
MIXINGS = (ADD, MULTIPLY, ADD, MULTIPLY, PIXELS, ELEMENTS)
"""What is drawn from: add and multiply a third each, the two masks a sixth each; numbers are IPMix's."""
LAYERS = 2
"""Most mixings."""


class LayerMixDraws(NamedTuple):
    """What LayerMix makes of N images, by up to two mixings and one op that is done up to three times."""

    layers: np.ndarray
    """(N,) int8: how many mixings, 0 to 2."""

    op: np.ndarray
    """(N,) int8: the op, an index into `OPS`, the same each time."""

    strength: np.ndarray
    """(N, 3) float64: how strongly it is done each time: kept bits, a threshold from which values are inverted,
    degrees, a slope, or pixels, with their sign; 0 for ops without."""

    mixing: np.ndarray
    """(N, 2) int8: what the mixings do, an index into IPMix's `MIXINGS`."""

    a: np.ndarray
    """(N, 2) float32: the weight of the image so far, for add and multiply."""

    b: np.ndarray
    """(N, 2) float32: the weight of what is mixed in."""

    limit: np.ndarray
    """(N, 2) int64: below which of a pixel's 2**32 numbers it keeps the image so far, for the masks."""

    image: np.ndarray
    """(N,) int64: the mixing image, an index into the pool; all copies of an image share it, and all that follows."""

    top: np.ndarray
    """(N,) int32: the first row of its crop."""

    left: np.ndarray
    """(N,) int32: the first column of its crop."""

    flips: np.ndarray
    """(N, 2) bool: whether a grey mixing image is mirrored from left to right, and from top to bottom."""


def ranges(size: tuple[int, int]) -> dict[str, tuple[float, float]]:
    """Between which numbers each op's strength is drawn for images of `size` (H, W); the published ones.

    A slope of 0.09 to 0.1 is all but constant, and a threshold of 0 or less inverts the whole image: both as published.
    """
    height, width = size
    return {
        "posterize": (0.1, 1.2),
        "posterize_increasing": (0.1, 1.2),
        "solarize": (0.1, 0.3),
        "solarize_increasing": (0.1, -0.2),
        "rotate": (0.1, 9.0),
        **dict.fromkeys(("shear_x", "shear_y"), (0.1, 0.09)),
        "translate_x": (0.1, int(0.33 * width) * 0.3),
        "translate_y": (0.1, int(0.33 * height) * 0.3),
    }


def draw(
    settings: LayerMixSettings, key: Key, indices: np.ndarray, pool: PoolLike, size: tuple[int, int]
) -> LayerMixDraws:
    """What LayerMix makes of each of the images `indices`: a function of the arguments and nothing else.

    Args:
        settings: the user's choices.
        key: seed and epoch.
        indices: (N,) the images' indices in their data set, 0 to 2**32 − 1.
        pool: the mixing images; the one of an image and its crop are those that PixMix would mix in.
        size: (H, W) of the images.

    Raises:
        InputError: the pool is empty, or its crops are larger than its images.
    """
    mixed_in = draw_pixmix(PixMixSettings(k=0), key, indices, pool)
    # Slots: layers, op; four each time that the op is done: strength, sign; eight a mixing: which, limit, which pair of
    # Betas, first Beta, second Beta.
    u = philox.uniforms(key.seed, key.epoch, indices, philox.LAYERMIX, 32)
    op = (u[:, 0] * len(OPS)).astype(np.int8)
    times, mixings = u[:, 4:16].reshape(-1, LAYERS + 1, 4), u[:, 16:].reshape(-1, LAYERS, 8)
    a, b = weights(mixings[..., 2], mixings[..., 3], mixings[..., 4], settings.beta)
    flips = philox.uniforms(key.shared.seed, key.shared.epoch, indices, philox.LAYERMIX, 2, first=32)
    return LayerMixDraws(
        layers=(u[:, 1] * (LAYERS + 1)).astype(np.int8),
        op=op,
        strength=_strengths(op, times, ranges(size), least=1 if settings.ops == "corrected" else 0),
        mixing=np.array(MIXINGS, np.int8)[(mixings[..., 0] * len(MIXINGS)).astype(np.int64)],
        a=a,
        b=b,
        limit=(mixings[..., 1] * 2**32).astype(np.int64),
        image=mixed_in.image,
        top=mixed_in.top,
        left=mixed_in.left,
        flips=(flips < 0.5) & settings.grey,
    )


def _strengths(op: np.ndarray, u: np.ndarray, limits: dict[str, tuple[float, float]], *, least: int) -> np.ndarray:
    """Strengths of ops (N,) from uniform numbers (N, 3, 4), of which the first two are used; `least` is posterize's."""
    low, high = np.array([limits.get(name, (0.0, 0.0)) for name in OPS])[op].T[..., None]
    strength = low + (high - low) * u[..., 0]
    signed = (op >= SIGNED)[:, None] & (u[..., 1] < 0.5)
    bits = np.trunc(strength)
    strength = np.where((op == POSTERIZE)[:, None], np.maximum(bits, least), strength)
    strength = np.where((op == INCREASING)[:, None], 4 - bits, strength)
    return np.where(signed, -strength, strength)
