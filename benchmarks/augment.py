"""PixMix images per second on one core: the numba engine compared with the paper's code, and draws per second.

    python benchmarks/augment.py [--repeats 5]

The paper's code is reimplemented in benchmarks/paper.py. Both run with the same settings (k = 4, all 13 ops; β and
severity of CIFAR at 32 px and of ImageNet at 224 px) on one thread; runs alternate, and medians of CPU time are shown.
"in memory": training images are already cropped, and mixing images are in memory at training size. "input path": the
training image is cropped and flipped, too; the paper's code decodes, resizes and crops a 512-px JPEG for each image,
while ours crops from the pool. "methods" are other methods of images, from cropped images in memory; AugMix makes one
copy. benchmarks/input_path.py measures both in a DataLoader with workers.
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import PIL
import torch
from paper import BILINEAR, PaperPixMix, Pool, photographs
from PIL import Image
from torchvision import transforms

from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.draws import Key, draw
from pixmix._augment.settings import CIFAR, IMAGENET, PixMixSettings
from pixmix._engines import numba as engine
from pixmix.methods import MethodSettings, make_method
from pixmix.methods._settings import AugMixSettings

METHODS = ("pixmix", "augmix", "prime", "prime+pixmix", "pixprime", "layermix", "moiremix")
MIXING_IMAGES = 64


def median_rates(ways: dict[str, tuple[Callable[[], None], int]], repeats: int) -> dict[str, float]:
    """Items per second of each way, given as (a function that processes `count` items, count); runs alternate."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, (work, _) in ways.items():
            start = time.process_time()
            work()
            if turn:  # the first turn warms up
                spent[name].append(time.process_time() - start)
    return {name: count / statistics.median(spent[name]) for name, (_, count) in ways.items()}


def in_memory(size: int, settings: PixMixSettings, count: int, repeats: int) -> dict[str, float]:
    """Images per second of both ways, from cropped training images and mixing images in memory."""
    images = photographs("china.jpg", count, size)
    mixing = photographs("flower.jpg", MIXING_IMAGES, size * 8 // 7)
    pool = Pool(np.stack([np.asarray(image) for image in mixing]), (size, size), (len(mixing),))
    batch, indices = np.stack([np.asarray(image) for image in images]), np.arange(count)
    paper = PaperPixMix(settings, size)
    crop = transforms.RandomCrop(size)

    def theirs() -> None:
        for image in images:
            paper(image, crop(mixing[np.random.choice(len(mixing))]))  # noqa: NPY002

    def ours() -> None:
        draws = draw(settings, Key(0), indices, pool)
        engine.mix(batch, pool.images, draws, threads=1)

    return median_rates({"paper": (theirs, count), "ours": (ours, count)}, repeats)


def input_path(size: int, settings: PixMixSettings, count: int, repeats: int) -> dict[str, float]:
    """Images per second of both ways from uncropped training images, and for the paper's from 512-px JPEG files."""
    small = size == 32
    images = photographs("china.jpg", count, 32 if small else 320)
    mixing, files = photographs("flower.jpg", MIXING_IMAGES, 512), []
    for image in mixing:
        files.append(io.BytesIO())
        image.save(files[-1], "JPEG", quality=90)
    scaled = [image.resize((size * 8 // 7, size * 8 // 7), BILINEAR) for image in mixing]
    pool = Pool(np.stack([np.asarray(image) for image in scaled]), (size, size), (len(mixing),))
    arrays, indices = [np.asarray(image) for image in images], np.arange(count)
    batch = np.stack(arrays)
    flip = transforms.RandomHorizontalFlip()
    crop = transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size)
    load = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.RandomCrop(size)])
    paper = PaperPixMix(settings, size)

    def theirs() -> None:
        for array in arrays:
            mixing_image = load(Image.open(files[np.random.choice(len(files))]).convert("RGB"))  # noqa: NPY002
            paper(crop(flip(Image.fromarray(array))), mixing_image)

    def ours() -> None:
        key = Key(0)
        cut = crop_and_flip(batch, key, indices) if small else random_resized_crop(batch, key, indices, size=size)
        engine.mix(cut, pool.images, draw(settings, key, indices, pool), threads=1)

    return median_rates({"paper": (theirs, count), "ours": (ours, count)}, repeats)


def methods(size: int, settings: PixMixSettings, count: int, repeats: int) -> dict[str, float]:
    """Images per second of methods of images, from cropped training images in memory."""
    mixing = photographs("flower.jpg", MIXING_IMAGES, size * 8 // 7)
    pool = Pool(np.stack([np.asarray(image) for image in mixing]), (size, size), (len(mixing),))
    images = np.stack([np.asarray(image) for image in photographs("china.jpg", count, size)])
    chosen = MethodSettings(mix=settings, augmix=AugMixSettings(severity=settings.aug_severity, jsd=0.0))
    half = (0.5, 0.5, 0.5)
    given = {"classes": 10, "size": (size, size), "mean": half, "std": half, "settings": chosen, "pool": pool}

    def way(name: str) -> tuple[Callable[[], None], int]:
        method = make_method(name, **given)  # type: ignore[arg-type]

        def work() -> None:
            method.augment_array(images, Key(0), np.arange(count))

        return work, count

    return median_rates({name: way(name) for name in METHODS}, repeats)


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
    print(f"{'images/s':24}{'paper':>10}{'numba':>10}{'ratio':>8}")
    for what, measure, counts in (("in memory", in_memory, (500, 24)), ("input path", input_path, (200, 24))):
        for size, settings, count in ((32, CIFAR, counts[0]), (224, IMAGENET, counts[1])):
            rates = measure(size, settings, count, repeats)
            ratio = rates["ours"] / rates["paper"]
            print(
                f"{what + f', {size} px':24}{rates['paper']:>10,.0f}{rates['ours']:>10,.0f}{ratio:>7.1f}x", flush=True
            )
    for size, settings, count in ((32, CIFAR, 500), (224, IMAGENET, 24)):
        rates = methods(size, settings, count, repeats)
        print(f"{f'methods, {size} px':24}" + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items()))
    pool = Pool(np.zeros((100, 36, 36, 3), np.uint8), (32, 32), (100,))
    indices = np.arange(200_000)
    rate = median_rates({"draw": (lambda: draw(CIFAR, Key(0), indices, pool) and None, len(indices))}, repeats)["draw"]
    print(f"draws/s{'':17}{'':10}{rate:>10,.0f}")


if __name__ == "__main__":
    main()
