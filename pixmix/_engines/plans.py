"""What the torch engine prepares on the host: which image goes through which op, and where the result lies.

The images that a batch mixes are its *sources*: clean starts, augmented copies, crops of mixing images, grouped in
the order of `KINDS`, so that a device does a kind, or several that are alike, in one go.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixset._common.kernels import kernel

from .._augment.settings import OPS
from .affine_ops import TURNS
from .ops import whole

KINDS = (
    "clean",
    # Ops that replace each value by another; the first two look at the image's values, contrast at its mean.
    "autocontrast",
    "equalize",
    "posterize",
    "solarize",
    "brightness",
    "contrast",
    # Ops that blend with another image; color's is grey, as contrast's mean is.
    "color",
    "sharpness",
    # Ops that move pixels.
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "crop",
)
"""The kinds of sources in their order."""

SOLARIZE_ROWS = 5
"""Tables that come before those of solarize: posterize keeps 0 to 4 bits."""
FIXED_ROWS = SOLARIZE_ROWS + 257
"""Tables that depend on no image: one for each number of bits of posterize, then one for each threshold."""

_KIND = np.array([KINDS.index(name) for name in OPS])
_CROP = len(KINDS) - 1
_AUTOCONTRAST, _EQUALIZE, _POSTERIZE, _SOLARIZE = (KINDS.index(name) for name in OPS[:3] + OPS[4:5])
_BRIGHTNESS, _COLOR, _SHARPNESS = (KINDS.index(name) for name in ("brightness", "color", "sharpness"))
_ROTATE, _SHEAR_X, _SHEAR_Y = KINDS.index("rotate"), KINDS.index("shear_x"), KINDS.index("shear_y")
_TRANSLATE_X = KINDS.index("translate_x")


@dataclass(frozen=True)
class Plan:
    """The G sources of N images with at most k rounds, in groups."""

    starts: tuple[int, ...]
    """Where each kind begins among the sources; the last number is G."""
    images: np.ndarray
    """(G,) int64: the image that each source is made of or, a crop, belongs to."""
    slots: np.ndarray
    """(N, 1 + k) int64: the sources of each image, its start and what each round mixes in; 0 beyond its rounds."""
    tables: np.ndarray
    """(P, 1, 3) int32: where each channel's table begins, for the ops that replace values."""
    counters: np.ndarray
    """(E, 1, 3) int64: where each channel counts its values, for equalize; behind one place that stays 0."""
    factors: np.ndarray
    """(B,) float32: of the four ops that blend."""
    affine: np.ndarray
    """(A, 2, 3) float64: the input's x and y from the output's x, y and 1, for the ops that move pixels."""

    def arrays(self) -> dict[str, np.ndarray]:
        """What the device needs of it."""
        return {name: getattr(self, name) for name in ("images", "slots", "tables", "counters", "factors", "affine")}

    def range(self, first: str, last: str | None = None) -> slice:
        """Where the sources of a kind, or of several that follow one another, lie."""
        return slice(self.starts[KINDS.index(first)], self.starts[KINDS.index(last or first) + 1])

    def count(self, first: str, last: str | None = None) -> int:
        """How many sources there are of a kind or of several."""
        where = self.range(first, last)
        return where.stop - where.start


def make_plan(
    start: tuple[np.ndarray, np.ndarray, np.ndarray],
    copies: tuple[np.ndarray, np.ndarray, np.ndarray],
    rounds: np.ndarray,
    size: tuple[int, int],
) -> Plan:
    """Group what a batch needs.

    Args:
        start: op (N,) int8, level (N,) float64 and sign (N,) int8 of the starts, as in `Draws`.
        copies: the same of the rounds, (N, k).
        rounds: (N,) how many rounds each image has.
        size: (H, W) of the images.
    """
    op, copy_op = np.ascontiguousarray(start[0], np.int8), np.ascontiguousarray(copies[0], np.int8)
    rounds = np.ascontiguousarray(rounds, np.int32)
    starts = np.zeros(len(KINDS) + 1, np.int64)
    _count(op, copy_op, rounds, starts)
    at = [int(first) for first in starts]
    point, blend, affine = (at[_AUTOCONTRAST], at[_BRIGHTNESS], at[_ROTATE])
    plan = Plan(
        starts=tuple(at),
        images=np.empty(at[-1], np.int64),
        slots=np.zeros((len(op), 1 + copy_op.shape[1]), np.int64),
        tables=np.empty((at[_COLOR] - point, 1, 3), np.int32),
        counters=(np.arange(3 * (at[_EQUALIZE + 1] - at[_EQUALIZE])) * 257 + 1).reshape(-1, 1, 3),
        factors=np.empty(affine - blend, np.float32),
        affine=np.empty((at[_CROP] - affine, 2, 3)),
    )
    levels = np.ascontiguousarray(start[1], np.float64), np.ascontiguousarray(copies[1], np.float64)
    signs = np.ascontiguousarray(start[2], np.int8), np.ascontiguousarray(copies[2], np.int8)
    _fill(
        *(op, levels[0], signs[0], copy_op, levels[1], signs[1], rounds, starts, size[0], size[1]),
        *(plan.images, plan.slots, plan.tables, plan.factors, plan.affine),
    )
    return plan


@kernel
def _count(start_op: np.ndarray, op: np.ndarray, rounds: np.ndarray, starts: np.ndarray) -> None:
    """Where each kind begins, into `starts`, which is zero."""
    for n in range(len(start_op)):
        starts[1 + (_KIND[start_op[n]] if start_op[n] >= 0 else 0)] += 1
        cropped = False
        for r in range(rounds[n]):
            if op[n, r] >= 0:
                starts[1 + _KIND[op[n, r]]] += 1
            else:
                cropped = True
        if cropped:
            starts[1 + _CROP] += 1
    for kind in range(_CROP + 1):
        starts[kind + 1] += starts[kind]


@kernel
def _fill(
    start_op: np.ndarray,
    start_level: np.ndarray,
    start_sign: np.ndarray,
    op: np.ndarray,
    level: np.ndarray,
    sign: np.ndarray,
    rounds: np.ndarray,
    starts: np.ndarray,
    height: int,
    width: int,
    images: np.ndarray,
    slots: np.ndarray,
    tables: np.ndarray,
    factors: np.ndarray,
    affine: np.ndarray,
) -> None:
    free = starts.copy()
    for n in range(len(start_op)):
        crop = -1
        for j in range(rounds[n] + 1):
            number = start_op[n] if j == 0 else op[n, j - 1]
            if number < 0 and j > 0 and crop >= 0:
                slots[n, j] = crop
                continue
            kind = _KIND[number] if number >= 0 else (0 if j == 0 else _CROP)
            index = free[kind]
            free[kind] += 1
            images[index], slots[n, j] = n, index
            if kind == _CROP:
                crop = index
            if number >= 0:
                strength = start_level[n] if j == 0 else level[n, j - 1]
                direction = start_sign[n] if j == 0 else sign[n, j - 1]
                _describe(kind, index, strength, direction, starts, height, width, tables, factors, affine)


@kernel
def _describe(
    kind: int,
    index: int,
    level: float,
    sign: int,
    starts: np.ndarray,
    height: int,
    width: int,
    tables: np.ndarray,
    factors: np.ndarray,
    affine: np.ndarray,
) -> None:
    """Write down how one op is done: its tables, its factor or its coefficients."""
    if _BRIGHTNESS <= kind <= _SHARPNESS:
        factors[index - starts[_BRIGHTNESS]] = np.float32(level * 1.8 / 10 + 0.1)
    if kind < _ROTATE:
        if kind < _COLOR:
            _choose_tables(kind, index, level, starts, tables[index - starts[_AUTOCONTRAST], 0])
    else:
        _choose_affine(kind, level, sign, height, width, affine[index - starts[_ROTATE]])


@kernel
def _choose_tables(kind: int, index: int, level: float, starts: np.ndarray, tables: np.ndarray) -> None:
    """Of the fixed tables, then three an image of autocontrast and of equalize, then one an image of the rest."""
    if kind == _POSTERIZE:
        tables[:] = 256 * (4 - whole(level, 4))
    elif kind == _SOLARIZE:
        tables[:] = 256 * (SOLARIZE_ROWS + 256 - whole(level, 256))
    elif kind <= _EQUALIZE:
        for channel in range(3):
            tables[channel] = 256 * (FIXED_ROWS + 3 * (index - starts[_AUTOCONTRAST]) + channel)
    else:
        stretched = starts[_EQUALIZE + 1] - starts[_AUTOCONTRAST]
        tables[:] = 256 * (FIXED_ROWS + 3 * stretched + index - starts[_BRIGHTNESS])


@kernel
def _choose_affine(kind: int, level: float, sign: int, height: int, width: int, affine: np.ndarray) -> None:
    """As Pillow has it: float64, cosine and sine rounded to 15 digits."""
    sign = int(sign)  # as in `ops.augment`
    affine[:] = 0.0
    affine[0, 0] = affine[1, 1] = 1.0
    if kind == _ROTATE:
        cosine, sine = TURNS[(sign * whole(level, 30)) % 360]
        x, y = width / 2.0, height / 2.0
        affine[0, 0], affine[0, 1], affine[0, 2] = cosine, sine, (cosine * -x + sine * -y) + x
        affine[1, 0], affine[1, 1], affine[1, 2] = -sine, cosine, (-sine * -x + cosine * -y) + y
    elif kind == _SHEAR_X:
        affine[0, 1] = sign * (level * 0.3 / 10)
    elif kind == _SHEAR_Y:
        affine[1, 0] = sign * (level * 0.3 / 10)
    elif kind == _TRANSLATE_X:
        affine[0, 2] = sign * whole(level, width / 3)
    else:
        affine[1, 2] = sign * whole(level, height / 3)
