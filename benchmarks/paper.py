"""A plain reimplementation of the paper's code, and images, for the benchmarks.

PixMix is applied to one image at a time, with Pillow's ops, small float tensors and random numbers from `np.random`, as
in the paper's code. The images are parts of the photographs in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision.transforms import functional

from pixmix._augment.settings import PixMixSettings

BILINEAR = Image.Resampling.BILINEAR


class PaperPixMix:
    """PixMix of a single image as in the paper's code."""

    def __init__(self, settings: PixMixSettings, size: int) -> None:
        self.settings, self.size = settings, size
        self.ops: list[Callable[[Image.Image], Image.Image]] = [
            ImageOps.autocontrast,
            ImageOps.equalize,
            lambda image: ImageOps.posterize(image, 4 - self.whole(4)),
            lambda image: image.rotate(self.signed(self.whole(30)), resample=BILINEAR),
            lambda image: ImageOps.solarize(image, 256 - self.whole(256)),
            lambda image: self.affine(image, 1, self.signed(self.level() * 0.03), 0, 0, 1, 0),
            lambda image: self.affine(image, 1, 0, 0, self.signed(self.level() * 0.03), 1, 0),
            lambda image: self.affine(image, 1, 0, self.signed(self.whole(size / 3)), 0, 1, 0),
            lambda image: self.affine(image, 1, 0, 0, 0, 1, self.signed(self.whole(size / 3))),
            lambda image: ImageEnhance.Color(image).enhance(self.level() * 0.18 + 0.1),
            lambda image: ImageEnhance.Contrast(image).enhance(self.level() * 0.18 + 0.1),
            lambda image: ImageEnhance.Brightness(image).enhance(self.level() * 0.18 + 0.1),
            lambda image: ImageEnhance.Sharpness(image).enhance(self.level() * 0.18 + 0.1),
        ]

    def level(self) -> float:
        return np.random.uniform(0.1, self.settings.aug_severity)  # noqa: NPY002

    def whole(self, most: float) -> int:
        return int(self.level() * most / 10)

    def signed(self, value: float) -> float:
        return -value if np.random.uniform() > 0.5 else value  # noqa: NPY002

    def affine(self, image: Image.Image, *coefficients: float) -> Image.Image:
        return image.transform((self.size, self.size), Image.Transform.AFFINE, coefficients, BILINEAR)

    def weights(self) -> tuple[float, float]:
        beta = self.settings.beta
        if np.random.random() < 0.5:  # noqa: NPY002
            return np.float32(np.random.beta(beta, 1)), np.float32(np.random.beta(1, beta))  # noqa: NPY002
        return 1 + np.float32(np.random.beta(1, beta)), -np.float32(np.random.beta(1, beta))  # noqa: NPY002

    def add(self, one: Tensor, two: Tensor) -> Tensor:
        a, b = self.weights()
        return (a * (one * 2 - 1) + b * (two * 2 - 1) + 1) / 2

    def multiply(self, one: Tensor, two: Tensor) -> Tensor:
        a, b = self.weights()
        return (one * 2) ** a * (two * 2).clip(1e-37) ** b / 2

    def augment(self, image: Image.Image) -> Image.Image:
        return np.random.choice(self.ops)(image.copy())  # noqa: NPY002

    def __call__(self, image: Image.Image, mixing_image: Image.Image) -> Tensor:
        def copy() -> Tensor:
            return functional.to_tensor(self.augment(image))

        mixed = copy() if np.random.random() < 0.5 else functional.to_tensor(image)  # noqa: NPY002
        for _ in range(np.random.randint(self.settings.k + 1)):  # noqa: NPY002
            other = copy() if np.random.random() < 0.5 else functional.to_tensor(mixing_image)  # noqa: NPY002
            mixing = np.random.choice([self.add, self.multiply])  # noqa: NPY002
            mixed = torch.clip(mixing(mixed, other), 0, 1)
        return mixed


@dataclass
class Pool:
    """A pool of mixing images in memory, with the interface of `mixset.MixingPool`."""

    images: np.ndarray
    size: tuple[int, int]
    counts: tuple[int, ...]
    weights: tuple[float, ...] = (1.0,)


GRAIN = 9.5
"""Standard deviation of the noise that makes a JPEG file of 500 x 375 as large as ImageNet's, 113 kB on average."""


def write_like_imagenet(images: Sequence[Image.Image], folder: Path) -> list[Path]:
    """Images as JPEG files that cost as much to decode as ImageNet's: 500 x 375 with grain, quality 95."""
    files = []
    for number, image in enumerate(images):
        shades = np.asarray(image.convert("RGB").resize((500, 375), BILINEAR), np.float32)
        grain = np.random.default_rng(number).normal(0, GRAIN, shades.shape)
        files.append(folder / f"training-{number}.jpg")
        Image.fromarray(np.clip(np.rint(shades + grain), 0, 255).astype(np.uint8)).save(files[-1], quality=95)
    return files


def photographs(name: str, count: int, size: int) -> list[Image.Image]:
    """Parts of a photograph from scikit-learn, resized to `size` pixels."""
    rng = np.random.default_rng(0)
    whole = Image.fromarray(load_sample_image(name))
    parts = []
    for _ in range(count):
        side = int(rng.integers(120, 420))
        left, top = int(rng.integers(0, whole.width - side)), int(rng.integers(0, whole.height - side))
        parts.append(whole.crop((left, top, left + side, top + side)).resize((size, size), BILINEAR))
    return parts
