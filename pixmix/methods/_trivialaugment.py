"""TrivialAugment (Müller & Hutter, 2021) and RandAugment (Cubuk et al., 2020): ops drawn from one list, no policy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from .._common import philox
from ._base import Method, Setting, as_float
from ._rival_settings import RandAugmentSettings, StrengthSpace, TrivialAugmentSettings

if TYPE_CHECKING:
    from .._augment.draws import Key

BINS = 31
"""Strengths of an op, from none to its most."""


def _shear(image: Image.Image, x: float, y: float) -> Image.Image:
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return functional.affine(image, angle=0, translate=[0, 0], scale=1, shear=degrees, center=[0, 0])


def _translate(image: Image.Image, x: float, y: float) -> Image.Image:
    return functional.affine(image, angle=0, translate=[int(x), int(y)], scale=1, shear=[0, 0])


OPS: dict[str, Callable[[Image.Image, float], Image.Image]] = {
    "identity": lambda image, strength: image,
    "shear_x": lambda image, strength: _shear(image, strength, 0),
    "shear_y": lambda image, strength: _shear(image, 0, strength),
    "translate_x": lambda image, strength: _translate(image, strength, 0),
    "translate_y": lambda image, strength: _translate(image, 0, strength),
    "rotate": lambda image, strength: functional.rotate(image, strength),
    "brightness": lambda image, strength: functional.adjust_brightness(image, 1 + strength),
    "color": lambda image, strength: functional.adjust_saturation(image, 1 + strength),
    "contrast": lambda image, strength: functional.adjust_contrast(image, 1 + strength),
    "sharpness": lambda image, strength: functional.adjust_sharpness(image, 1 + strength),
    "posterize": lambda image, strength: functional.posterize(image, int(strength)),
    "solarize": lambda image, strength: functional.solarize(image, strength * 255),
    "autocontrast": lambda image, strength: functional.autocontrast(image),
    "equalize": lambda image, strength: functional.equalize(image),
}
"""The 14 ops, done by torchvision to Pillow images: what moves pixels takes the nearest one, black outside."""
NAMES = tuple(OPS)
"""Numbers in the draws are indices into it."""
SIGNED = NAMES[1:10]
"""What has a direction, or can weaken as well as strengthen."""


@dataclass(frozen=True, kw_only=True)
class BinDraws:
    """Which ops N images get one after the other, D of them each."""

    op: np.ndarray
    """(N, D) int64: indices into `NAMES`."""
    bin: np.ndarray
    """(N, D) int64: how strong, 0 to 30."""
    negative: np.ndarray
    """(N, D) bool: whether the strength is negative, for the ops of `SIGNED`."""


class BinnedOps(Method):
    """Ops drawn uniformly for each image: TrivialAugment, or RandAugment where the strength is given.

    torchvision's ops and strengths. TrivialAugment does one op at a strength drawn from 31; RandAugment several at
    the same strength. Neither is followed by Cutout, which its authors append on CIFAR.

    Args:
        name: "trivialaugment" or "randaugment".
        depth: ops an image.
        strength: of all ops, 0 to 30; None draws one for each.
        space: how strong the ops get.
    """

    keys = ("image",)
    on_device = False

    def __init__(self, name: str, *, depth: int, strength: int | None, space: StrengthSpace) -> None:
        self.name, self.depth, self.strength, self.space = name, depth, strength, space
        self.stream = philox.TRIVIALAUGMENT if strength is None else philox.RANDAUGMENT

    def draw_ops(self, key: Key, indices: np.ndarray) -> BinDraws:
        """What becomes of each image, a function of the arguments; an op's draws fill a block of four slots."""
        draws = philox.uniforms(key.seed, key.epoch, indices, self.stream, 4 * self.depth)
        op, bins, sign, _ = np.moveaxis(draws.reshape(-1, self.depth, 4), 2, 0)
        drawn = (bins * BINS).astype(np.int64)
        return BinDraws(
            op=(op * len(OPS)).astype(np.int64),
            bin=drawn if self.strength is None else np.full_like(drawn, self.strength),
            negative=sign <= 0.5,
        )

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        return as_float(apply(batch, self.draw_ops(key, indices), self.space))


def apply(batch: np.ndarray, draws: BinDraws, space: StrengthSpace) -> np.ndarray:
    """The ops of the draws done to images, (N, H, W, 3) uint8 to the same."""
    strengths = {name: _strengths(name, space, batch.shape[1:3]) for name in NAMES}
    augmented = np.empty(batch.shape, np.uint8)
    for n, values in enumerate(batch):
        image = Image.fromarray(values)
        for number, place, negative in zip(draws.op[n], draws.bin[n], draws.negative[n], strict=True):
            name = NAMES[number]
            strength = strengths[name][place]
            image = OPS[name](image, -strength if negative and name in SIGNED else strength)
        augmented[n] = np.asarray(image)
    return augmented


def _strengths(name: str, space: StrengthSpace, size: tuple[int, ...]) -> list[float]:
    """The 31 strengths of an op, in float32, whose last bit tips some bytes."""
    wide = space == "wide"
    if name == "posterize":  # bits that are kept
        return (8 - torch.arange(BINS) / ((BINS - 1) / (6 if wide else 4))).round().tolist()
    if name == "solarize":  # the threshold, as a share
        return torch.linspace(1, 0, BINS).tolist()
    height, width = size
    most = {
        **dict.fromkeys(("shear_x", "shear_y"), 0.99 if wide else 0.3),
        "translate_x": 32.0 if wide else 150 / 331 * width,
        "translate_y": 32.0 if wide else 150 / 331 * height,
        "rotate": 135.0 if wide else 30.0,
        **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), 0.99 if wide else 0.9),
    }
    return torch.linspace(0, most.get(name, 0.0), BINS).tolist()


def make(name: str, setting: Setting) -> Method:
    """TrivialAugment or RandAugment with its settings."""
    if name == "trivialaugment":
        trivial: TrivialAugmentSettings = setting.settings.trivialaugment
        return BinnedOps(name, depth=1, strength=None, space=trivial.space)
    rand: RandAugmentSettings = setting.settings.randaugment
    return BinnedOps(name, depth=rand.ops, strength=rand.magnitude, space="standard")
