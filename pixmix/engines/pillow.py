"""PixMix by plain Pillow and NumPy, one picture at a time: the definition that the other engines are held to.

After the PixMix authors' published code (`augmentations` and `mixings` in its utilities) with two differences: ops
take the picture's own width and height, where theirs takes one global size, and `swap_channel` leaves its input alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ..draws import Draws
from ..settings import MIXINGS, OPS, SIGNED_OPS
from .inputs import check_pictures


def _whole(level: float, most: float) -> int:
    """A level from 0 to 10 as a whole number from 0 to `most`."""
    return int(level * most / 10)


def _affine(picture: Image.Image, *coefficients: float) -> Image.Image:
    return picture.transform(picture.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def _factor(level: float) -> float:
    """The factor of the four enhancing ops: 0.118 to 1.9, so at the paper's levels they always reduce."""
    return level * 1.8 / 10 + 0.1


OP_FUNCTIONS: dict[str, Callable[[Image.Image, float, int], Image.Image]] = {
    "autocontrast": lambda picture, level, sign: ImageOps.autocontrast(picture),
    "equalize": lambda picture, level, sign: ImageOps.equalize(picture),
    "posterize": lambda picture, level, sign: ImageOps.posterize(picture, 4 - _whole(level, 4)),
    "rotate": lambda picture, level, sign: picture.rotate(sign * _whole(level, 30), resample=Image.Resampling.BILINEAR),
    "solarize": lambda picture, level, sign: ImageOps.solarize(picture, 256 - _whole(level, 256)),
    "shear_x": lambda picture, level, sign: _affine(picture, 1, sign * (level * 0.3 / 10), 0, 0, 1, 0),
    "shear_y": lambda picture, level, sign: _affine(picture, 1, 0, 0, sign * (level * 0.3 / 10), 1, 0),
    "translate_x": lambda picture, level, sign: _affine(
        picture, 1, 0, sign * _whole(level, picture.width / 3), 0, 1, 0
    ),
    "translate_y": lambda picture, level, sign: _affine(
        picture, 1, 0, 0, 0, 1, sign * _whole(level, picture.height / 3)
    ),
    "color": lambda picture, level, sign: ImageEnhance.Color(picture).enhance(_factor(level)),
    "contrast": lambda picture, level, sign: ImageEnhance.Contrast(picture).enhance(_factor(level)),
    "brightness": lambda picture, level, sign: ImageEnhance.Brightness(picture).enhance(_factor(level)),
    "sharpness": lambda picture, level, sign: ImageEnhance.Sharpness(picture).enhance(_factor(level)),
}
"""The base augmentations: (RGB picture, level from 0.1 to 10, sign ±1) → picture of the same size."""


@dataclass(frozen=True)
class Pair:
    """One draw of mixing weights: of the picture so far and of what is mixed in."""

    a: np.float32
    b: np.float32


def _add(x1: np.ndarray, x2: np.ndarray, pair: Pair) -> np.ndarray:
    return (pair.a * (x1 * 2 - 1) + pair.b * (x2 * 2 - 1) + 1) / 2


def _multiply(x1: np.ndarray, x2: np.ndarray, pair: Pair) -> np.ndarray:
    # The floor keeps black to a negative power finite in float32.
    return (x1 * 2) ** pair.a * np.maximum(x2 * 2, np.float32(1e-37)) ** pair.b / 2


def _screen(x1: np.ndarray, x2: np.ndarray, pair: Pair) -> np.ndarray:
    return 1 - _multiply(1 - x1, 1 - x2, pair)


def _swap_channel(x1: np.ndarray, x2: np.ndarray, channel: int) -> np.ndarray:
    result = x1.copy()
    result[channel] = x2[channel]
    return result


def _mix(x1: np.ndarray, x2: np.ndarray, draws: Draws, n: int, r: int) -> np.ndarray:
    """Round r of picture n: (3, H, W) float32 in [0, 1], twice, to the same."""
    name = MIXINGS[draws.mixing[n, r]]
    pair = Pair(draws.a[n, r], draws.b[n, r])
    if name == "add":
        mixed = _add(x1, x2, pair)
    elif name == "multiply":
        mixed = _multiply(x1, x2, pair)
    elif name == "screen":
        mixed = _screen(x1, x2, pair)
    elif name == "overlay":
        chosen = x1 < 0.5 if draws.coin[n, r] else x1 > 0.5
        mixed = np.where(chosen, _multiply(x1, x2, pair), _screen(x1, x2, Pair(draws.a2[n, r], draws.b2[n, r])))
    elif name == "darken_or_lighten":
        mixed = np.where(x1 < x2 if draws.coin[n, r] else x1 > x2, x1, x2)
    else:
        mixed = _swap_channel(x1, x2, int(draws.channel[n, r]))
    return np.clip(mixed, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of one picture's way through PixMix; the first is the start, each other one a round."""

    source: str
    """What the step takes in: "input" or "mixing picture"."""

    op: str | None
    """The op done to a copy of the input; None for none."""

    level: float
    """The op's level, its sign included for the ops that have one; 0 without an op."""

    mixing: str | None
    """How the round mixes; None at the start."""

    a: float
    """The weight of the picture so far; 0 at the start."""

    b: float
    """The weight of what is mixed in; 0 at the start."""

    partner: np.ndarray
    """What the step takes in, after its op: (H, W, 3) uint8."""

    result: np.ndarray
    """The picture after the step: (3, H, W) float32 in [0, 1]."""


def steps(picture: np.ndarray, mixing_pictures: np.ndarray | None, draws: Draws, *, n: int = 0) -> Iterator[Step]:
    """The way of one picture through PixMix, step by step.

    Args:
        picture: (H, W, 3) uint8.
        mixing_pictures: (M, h, w, 3) uint8, of which crops of (H, W) are taken; None where the partner is the input.
        draws: what to do.
        n: which of the draws is this picture's.
    """
    opened = Image.fromarray(picture)
    height, width = picture.shape[:2]

    def augmented(op: int, level: float, sign: int) -> np.ndarray:
        return np.asarray(OP_FUNCTIONS[OPS[op]](opened, level, sign)) if op >= 0 else picture

    partner = augmented(draws.start_op[n], float(draws.start_level[n]), int(draws.start_sign[n]))
    result = _to_float(partner)
    op, level = _describe(draws.start_op[n], draws.start_level[n], draws.start_sign[n])
    yield Step(source="input", op=op, level=level, mixing=None, a=0.0, b=0.0, partner=partner, result=result)
    for r in range(draws.rounds[n]):
        op, level = _describe(draws.op[n, r], draws.level[n, r], draws.sign[n, r])
        if op is None:
            assert mixing_pictures is not None
            top, left = draws.top[n], draws.left[n]
            partner = mixing_pictures[draws.picture[n], top : top + height, left : left + width]
        else:
            partner = augmented(draws.op[n, r], float(draws.level[n, r]), int(draws.sign[n, r]))
        result = _mix(result, _to_float(partner), draws, n, r)
        yield Step(
            source="mixing picture" if op is None else "input",
            op=op,
            level=level,
            mixing=MIXINGS[draws.mixing[n, r]],
            a=float(draws.a[n, r]),
            b=float(draws.b[n, r]),
            partner=np.asarray(partner),
            result=result,
        )


def mix(pictures: np.ndarray, mixing_pictures: np.ndarray | None, draws: Draws) -> np.ndarray:
    """PixMix of N pictures.

    Args:
        pictures: (N, H, W, 3) uint8.
        mixing_pictures: (M, h, w, 3) uint8 with h ≥ H and w ≥ W; None where the partner is the input.
        draws: what to do, for N pictures.

    Returns:
        (N, 3, H, W) float32 in [0, 1].

    Raises:
        InputError: an array has another shape or type.
    """
    check_pictures(pictures, mixing_pictures, draws)
    count, height, width, _ = pictures.shape
    result = np.empty((count, 3, height, width), np.float32)
    for n in range(count):
        for step in steps(pictures[n], mixing_pictures, draws, n=n):
            result[n] = step.result
    return result


def _to_float(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(255)


def _describe(op: int, level: float, sign: int) -> tuple[str | None, float]:
    if op < 0:
        return None, 0.0
    name = OPS[op]
    return name, float(level) * (int(sign) if name in SIGNED_OPS else 1)
