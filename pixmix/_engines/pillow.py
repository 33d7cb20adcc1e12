"""PixMix by plain Pillow and NumPy, one image at a time: the definition that the other engines are held to.

After the PixMix authors' published code (`augmentations` and `mixings` in its utilities) with two differences: ops
take the image's own width and height, where theirs takes one global size, and `swap_channel` leaves its input alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from .._augment.draws import Draws
from .._augment.settings import MIXINGS, OPS, SIGNED_OPS
from .inputs import check_images


def _whole(level: float, most: float) -> int:
    """A level from 0 to 10 as a whole number from 0 to `most`."""
    return int(level * most / 10)


def _affine(image: Image.Image, *coefficients: float) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)


def _factor(level: float) -> float:
    """The factor of the four enhancing ops: 0.118 to 1.9, so at the paper's levels they always reduce."""
    return level * 1.8 / 10 + 0.1


OP_FUNCTIONS: dict[str, Callable[[Image.Image, float, int], Image.Image]] = {
    "autocontrast": lambda image, level, sign: ImageOps.autocontrast(image),
    "equalize": lambda image, level, sign: ImageOps.equalize(image),
    "posterize": lambda image, level, sign: ImageOps.posterize(image, 4 - _whole(level, 4)),
    "rotate": lambda image, level, sign: image.rotate(sign * _whole(level, 30), resample=Image.Resampling.BILINEAR),
    "solarize": lambda image, level, sign: ImageOps.solarize(image, 256 - _whole(level, 256)),
    "shear_x": lambda image, level, sign: _affine(image, 1, sign * (level * 0.3 / 10), 0, 0, 1, 0),
    "shear_y": lambda image, level, sign: _affine(image, 1, 0, 0, sign * (level * 0.3 / 10), 1, 0),
    "translate_x": lambda image, level, sign: _affine(image, 1, 0, sign * _whole(level, image.width / 3), 0, 1, 0),
    "translate_y": lambda image, level, sign: _affine(image, 1, 0, 0, 0, 1, sign * _whole(level, image.height / 3)),
    "color": lambda image, level, sign: ImageEnhance.Color(image).enhance(_factor(level)),
    "contrast": lambda image, level, sign: ImageEnhance.Contrast(image).enhance(_factor(level)),
    "brightness": lambda image, level, sign: ImageEnhance.Brightness(image).enhance(_factor(level)),
    "sharpness": lambda image, level, sign: ImageEnhance.Sharpness(image).enhance(_factor(level)),
}
"""The base augmentations: (RGB image, level from 0.1 to 10, sign ±1) → image of the same size."""


@dataclass(frozen=True)
class Pair:
    """One draw of mixing weights: of the image so far and of what is mixed in."""

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
    """Round r of image n: (3, H, W) float32 in [0, 1], twice, to the same."""
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
    """One step of one image's way through PixMix; the first is the start, each other one a round."""

    source: str
    """What the step takes in: "input" or "mixing image"."""

    op: str | None
    """The op done to a copy of the input; None for none."""

    level: float
    """The op's level, its sign included for the ops that have one; 0 without an op."""

    mixing: str | None
    """How the round mixes; None at the start."""

    a: float
    """The weight of the image so far; 0 at the start."""

    b: float
    """The weight of what is mixed in; 0 at the start."""

    partner: np.ndarray
    """What the step takes in, after its op: (H, W, 3) uint8."""

    result: np.ndarray
    """The image after the step: (3, H, W) float32 in [0, 1]."""


def steps(image: np.ndarray, mixing_images: np.ndarray | None, draws: Draws, *, n: int = 0) -> Iterator[Step]:
    """The way of one image through PixMix, step by step.

    Args:
        image: (H, W, 3) uint8.
        mixing_images: (M, h, w, 3) uint8, of which crops of (H, W) are taken; None where the partner is the input.
        draws: what to do.
        n: which of the draws is this image's.
    """
    opened = Image.fromarray(image)
    height, width = image.shape[:2]

    def augmented(op: int, level: float, sign: int) -> np.ndarray:
        return np.asarray(OP_FUNCTIONS[OPS[op]](opened, level, sign)) if op >= 0 else image

    partner = augmented(draws.start_op[n], float(draws.start_level[n]), int(draws.start_sign[n]))
    result = _to_float(partner)
    op, level = _describe(draws.start_op[n], draws.start_level[n], draws.start_sign[n])
    yield Step(source="input", op=op, level=level, mixing=None, a=0.0, b=0.0, partner=partner, result=result)
    for r in range(draws.rounds[n]):
        op, level = _describe(draws.op[n, r], draws.level[n, r], draws.sign[n, r])
        if op is None:
            assert mixing_images is not None
            top, left = draws.top[n], draws.left[n]
            partner = mixing_images[draws.image[n], top : top + height, left : left + width]
        else:
            partner = augmented(draws.op[n, r], float(draws.level[n, r]), int(draws.sign[n, r]))
        result = _mix(result, _to_float(partner), draws, n, r)
        yield Step(
            source="mixing image" if op is None else "input",
            op=op,
            level=level,
            mixing=MIXINGS[draws.mixing[n, r]],
            a=float(draws.a[n, r]),
            b=float(draws.b[n, r]),
            partner=np.asarray(partner),
            result=result,
        )


def mix(images: np.ndarray, mixing_images: np.ndarray | None, draws: Draws) -> np.ndarray:
    """PixMix of N images.

    Args:
        images: (N, H, W, 3) uint8.
        mixing_images: (M, h, w, 3) uint8 with h ≥ H and w ≥ W; None where the partner is the input.
        draws: what to do, for N images.

    Returns:
        (N, 3, H, W) float32 in [0, 1].

    Raises:
        InputError: an array has another shape or type.
    """
    check_images(images, mixing_images, draws)
    count, height, width, _ = images.shape
    result = np.empty((count, 3, height, width), np.float32)
    for n in range(count):
        for step in steps(images[n], mixing_images, draws, n=n):
            result[n] = step.result
    return result


def _to_float(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 → (3, H, W) float32 in [0, 1]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32) / np.float32(255)


def _describe(op: int, level: float, sign: int) -> tuple[str | None, float]:
    if op < 0:
        return None, 0.0
    name = OPS[op]
    return name, float(level) * (int(sign) if name in SIGNED_OPS else 1)
