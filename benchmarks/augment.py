"""PixMix pictures per second on one core: the numba engine beside the paper's way, and draws per second.

    python benchmarks/augment.py [--repeats 5]

The paper's way is restated here plainly: one picture at a time, Pillow ops, small float tensors, draws of `np.random`.
Both get the same settings (k = 4, all 13 ops; β and severity of CIFAR at 32 px and of ImageNet at 224 px) and one
thread; they take turns, and medians of CPU time are shown. "in memory": crops are given and the mixing pictures lie in
memory at training size. "input path": crop and flip of the training picture too, and the paper's way decodes, scales
and crops a 512-px JPEG for each picture, as its code does; ours takes crops of the pool.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL
import torch
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional

from pixmix.crops import crop_and_flip, random_resized_crop
from pixmix.draws import Key, draw
from pixmix.engines import numba as engine
from pixmix.settings import CIFAR, IMAGENET, PixMixSettings

MIXING_PICTURES = 64
BILINEAR = Image.Resampling.BILINEAR


class PaperPixMix:
    """PixMix of one picture as the paper's code does it."""

    def __init__(self, settings: PixMixSettings, size: int) -> None:
        self.settings, self.size = settings, size
        self.ops: list[Callable[[Image.Image], Image.Image]] = [
            ImageOps.autocontrast,
            ImageOps.equalize,
            lambda picture: ImageOps.posterize(picture, 4 - self.whole(4)),
            lambda picture: picture.rotate(self.signed(self.whole(30)), resample=BILINEAR),
            lambda picture: ImageOps.solarize(picture, 256 - self.whole(256)),
            lambda picture: self.affine(picture, 1, self.signed(self.level() * 0.03), 0, 0, 1, 0),
            lambda picture: self.affine(picture, 1, 0, 0, self.signed(self.level() * 0.03), 1, 0),
            lambda picture: self.affine(picture, 1, 0, self.signed(self.whole(size / 3)), 0, 1, 0),
            lambda picture: self.affine(picture, 1, 0, 0, 0, 1, self.signed(self.whole(size / 3))),
            lambda picture: ImageEnhance.Color(picture).enhance(self.level() * 0.18 + 0.1),
            lambda picture: ImageEnhance.Contrast(picture).enhance(self.level() * 0.18 + 0.1),
            lambda picture: ImageEnhance.Brightness(picture).enhance(self.level() * 0.18 + 0.1),
            lambda picture: ImageEnhance.Sharpness(picture).enhance(self.level() * 0.18 + 0.1),
        ]

    def level(self) -> float:
        return np.random.uniform(0.1, self.settings.aug_severity)  # noqa: NPY002

    def whole(self, most: float) -> int:
        return int(self.level() * most / 10)

    def signed(self, value: float) -> float:
        return -value if np.random.uniform() > 0.5 else value  # noqa: NPY002

    def affine(self, picture: Image.Image, *coefficients: float) -> Image.Image:
        return picture.transform((self.size, self.size), Image.Transform.AFFINE, coefficients, BILINEAR)

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

    def augment(self, picture: Image.Image) -> Image.Image:
        return np.random.choice(self.ops)(picture.copy())  # noqa: NPY002

    def __call__(self, picture: Image.Image, mixing_picture: Image.Image) -> Tensor:
        def copy() -> Tensor:
            return functional.to_tensor(self.augment(picture))

        mixed = copy() if np.random.random() < 0.5 else functional.to_tensor(picture)  # noqa: NPY002
        for _ in range(np.random.randint(self.settings.k + 1)):  # noqa: NPY002
            other = copy() if np.random.random() < 0.5 else functional.to_tensor(mixing_picture)  # noqa: NPY002
            mixing = np.random.choice([self.add, self.multiply])  # noqa: NPY002
            mixed = torch.clip(mixing(mixed, other), 0, 1)
        return mixed


@dataclass
class Pool:
    """Mixing pictures in memory, as `mixset.MixingPool` has them in a file."""

    pictures: np.ndarray
    size: tuple[int, int]
    counts: tuple[int, ...]
    weights: tuple[float, ...] = (1.0,)


def photographs(name: str, count: int, size: int) -> list[Image.Image]:
    """Parts of a photograph that comes with scikit-learn, scaled to `size` pixels."""
    rng = np.random.default_rng(0)
    whole = Image.fromarray(load_sample_image(name))
    parts = []
    for _ in range(count):
        side = int(rng.integers(120, 420))
        left, top = int(rng.integers(0, whole.width - side)), int(rng.integers(0, whole.height - side))
        parts.append(whole.crop((left, top, left + side, top + side)).resize((size, size), BILINEAR))
    return parts


def median_rates(ways: dict[str, tuple[Callable[[], None], int]], repeats: int) -> dict[str, float]:
    """Things a second of each way: (do `count` of them, count); they take turns."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, (work, _) in ways.items():
            start = time.process_time()
            work()
            if turn:  # the first turn warms up
                spent[name].append(time.process_time() - start)
    return {name: count / statistics.median(spent[name]) for name, (_, count) in ways.items()}


def in_memory(size: int, settings: PixMixSettings, count: int, repeats: int) -> dict[str, float]:
    """Pictures a second of both ways, crops and mixing pictures given."""
    pictures = photographs("china.jpg", count, size)
    mixing = photographs("flower.jpg", MIXING_PICTURES, size * 8 // 7)
    pool = Pool(np.stack([np.asarray(picture) for picture in mixing]), (size, size), (len(mixing),))
    batch, indices = np.stack([np.asarray(picture) for picture in pictures]), np.arange(count)
    paper = PaperPixMix(settings, size)
    crop = transforms.RandomCrop(size)

    def theirs() -> None:
        for picture in pictures:
            paper(picture, crop(mixing[np.random.choice(len(mixing))]))  # noqa: NPY002

    def ours() -> None:
        draws = draw(settings, Key(0), indices, pool)
        engine.mix(batch, pool.pictures, draws, threads=1)

    return median_rates({"paper": (theirs, count), "ours": (ours, count)}, repeats)


def input_path(size: int, settings: PixMixSettings, count: int, repeats: int) -> dict[str, float]:
    """Pictures a second of both ways from uncropped training pictures, the paper's from 512-px JPEGs to mix in."""
    small = size == 32
    pictures = photographs("china.jpg", count, 32 if small else 320)
    mixing, files = photographs("flower.jpg", MIXING_PICTURES, 512), []
    for picture in mixing:
        files.append(io.BytesIO())
        picture.save(files[-1], "JPEG", quality=90)
    scaled = [picture.resize((size * 8 // 7, size * 8 // 7), BILINEAR) for picture in mixing]
    pool = Pool(np.stack([np.asarray(picture) for picture in scaled]), (size, size), (len(mixing),))
    arrays, indices = [np.asarray(picture) for picture in pictures], np.arange(count)
    batch = np.stack(arrays)
    flip = transforms.RandomHorizontalFlip()
    crop = transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size)
    load = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.RandomCrop(size)])
    paper = PaperPixMix(settings, size)

    def theirs() -> None:
        for array in arrays:
            mixing_picture = load(Image.open(files[np.random.choice(len(files))]).convert("RGB"))  # noqa: NPY002
            paper(crop(flip(Image.fromarray(array))), mixing_picture)

    def ours() -> None:
        key = Key(0)
        cut = crop_and_flip(batch, key, indices) if small else random_resized_crop(batch, key, indices, size=size)
        engine.mix(cut, pool.pictures, draw(settings, key, indices, pool), threads=1)

    return median_rates({"paper": (theirs, count), "ours": (ours, count)}, repeats)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    np.random.seed(0)  # noqa: NPY002
    print(
        f"{platform.processor() or platform.machine()}, Pillow {PIL.__version__}, torch {torch.__version__}, one core"
    )
    print(f"{'pictures/s':24}{'paper':>10}{'numba':>10}{'ratio':>8}")
    for what, measure, counts in (("in memory", in_memory, (500, 24)), ("input path", input_path, (200, 24))):
        for size, settings, count in ((32, CIFAR, counts[0]), (224, IMAGENET, counts[1])):
            rates = measure(size, settings, count, repeats)
            ratio = rates["ours"] / rates["paper"]
            print(
                f"{what + f', {size} px':24}{rates['paper']:>10,.0f}{rates['ours']:>10,.0f}{ratio:>7.1f}x", flush=True
            )
    pool = Pool(np.zeros((100, 36, 36, 3), np.uint8), (32, 32), (100,))
    indices = np.arange(200_000)
    rate = median_rates({"draw": (lambda: draw(CIFAR, Key(0), indices, pool) and None, len(indices))}, repeats)["draw"]
    print(f"draws/s{'':17}{'':10}{rate:>10,.0f}")


if __name__ == "__main__":
    main()
