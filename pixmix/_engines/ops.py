"""The base augmentations as one kernel: an op by its number, its strength from its level."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .affine_ops import affine, rotate, translate
from .enhance_ops import brightness, color, contrast, sharpness
from .point_ops import autocontrast, equalize, posterize, solarize


@kernel
def whole(level: float, most: float) -> int:
    """A level from 0 to 10 as a whole number from 0 to `most`."""
    return int(level * most / 10)


@kernel
def shear(level: float) -> float:
    """By how much of a pixel a row or a column is moved against the next."""
    return level * 0.3 / 10


@kernel
def factor_of(level: float) -> np.float32:
    """The factor of the four enhancing ops."""
    return np.float32(level * 1.8 / 10 + 0.1)


@kernel
def augment(source: np.ndarray, op: int, level: float, sign: int, result: np.ndarray) -> None:
    """Do one op to an image.

    Args:
        source: (3, H, W) uint8.
        op: its place in `pixmix._augment.settings.OPS`.
        level: 0.1 to 10.
        sign: +1 or −1, for the ops that have one.
        result: (3, H, W) uint8, written.
    """
    height, width = source.shape[1:]
    sign = int(sign)  # uncompiled, NumPy would go on in its 8 bits
    if op == 0:
        autocontrast(source, result)
    elif op == 1:
        equalize(source, result)
    elif op == 2:
        posterize(source, 4 - whole(level, 4), result)
    elif op == 3:
        rotate(source, sign * whole(level, 30), result)
    elif op == 4:
        solarize(source, 256 - whole(level, 256), result)
    elif op == 5:
        affine(source, 1.0, sign * shear(level), 0.0, 0.0, 1.0, 0.0, result)
    elif op == 6:
        affine(source, 1.0, 0.0, 0.0, sign * shear(level), 1.0, 0.0, result)
    elif op == 7:
        translate(source, sign * whole(level, width / 3), 0, result)
    elif op == 8:
        translate(source, 0, sign * whole(level, height / 3), result)
    else:
        factor = factor_of(level)
        if op == 9:
            color(source, factor, result)
        elif op == 10:
            contrast(source, factor, result)
        elif op == 11:
            brightness(source, factor, result)
        else:
            sharpness(source, factor, result)
