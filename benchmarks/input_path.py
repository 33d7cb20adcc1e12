"""Training images per second through a DataLoader with two workers, compared with the paper's code.

    python benchmarks/input_path.py [--repeats 5]

The whole input pipeline is measured: crop, flip, PixMix, batch. At 32 px the training images are in memory like CIFAR's
and are cropped after padding by 4, in batches of 128; at 224 px they are JPEG files of 500 x 375 that are cropped at
random sizes, in batches of 64. The paper's code is reimplemented in benchmarks/paper.py: it reads a mixing image from a
folder of 512-px JPEG files for each training image. Three of our ways are measured: the loader of `pixmix train`,
`PixMixDataset`, and the `PixMix` transform with torch's own collation. Epochs alternate, with persistent workers; shown
are medians of images per second of wall time, and of the workers' CPU time.

For 224 px, the time of the loader's steps in one process follows: decoding, cropping, mixing, and a copy to shared
memory. The last line is the share of PixMix in a training step of a WRN-16-2 on the CPU, with 128 images of 32 px and
one thread.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from paper import BILINEAR, PaperPixMix, photographs
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import pixmix
from mixset import MixingPool, MixingSet
from mixset._common.memory import keep_freed_memory
from mixset.generate._networks.spec import network_spec
from pixmix._augment.crops import crop_and_flip, random_resized_crop
from pixmix._augment.draws import Key
from pixmix._augment.settings import CIFAR, IMAGENET, PixMixSettings
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._data.labelled import LabelledImages, read
from pixmix.train._training.batches import BatchPlan, TrainingSet, training_loader

WORKERS = 2
MIXING_IMAGES = 128


class PaperSet(Dataset):
    """Training images by the paper's code, which opens, resizes and crops a mixing image for each."""

    def __init__(self, images: LabelledImages, mixing: list[Path], settings: PixMixSettings) -> None:
        self.images, self.mixing, size = images, mixing, images.size
        small = images.array is not None
        crop = transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size)
        self.crop = transforms.Compose([crop, transforms.RandomHorizontalFlip()])
        self.load = transforms.Compose([transforms.Resize(size * 8 // 7), transforms.RandomCrop(size)])
        self.mix = PaperPixMix(settings, size)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        mixing_image = Image.open(self.mixing[np.random.choice(len(self.mixing))]).convert("RGB")  # noqa: NPY002
        mixed = self.mix(self.crop(opened(self.images, index)), self.load(mixing_image))
        return mixed, int(self.images.labels[index])


class Plain(Dataset):
    """Training images like those of torchvision's data sets, with an optional transform."""

    def __init__(self, images: LabelledImages, transform: Callable[[Image.Image], Any] = lambda image: image) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self.transform(opened(self.images, index)), int(self.images.labels[index])


def opened(images: LabelledImages, index: int) -> Image.Image:
    if images.array is not None:
        return Image.fromarray(images.array[index])
    return Image.open(images.files[index]).convert("RGB")


def training_images(size: int, count: int, folder: Path) -> LabelledImages:
    """Parts of a photograph, in memory at 32 px or else in JPEG files of 500 x 375, repeated up to `count`."""
    labels = np.zeros(count, np.int64)
    if size == 32:
        distinct = np.stack([np.asarray(image) for image in photographs("china.jpg", 500, size)])
        return LabelledImages(labels, size, array=distinct[np.arange(count) % len(distinct)])
    files = []
    for number, image in enumerate(photographs("china.jpg", 128, 500)):
        files.append(folder / f"training-{number}.jpg")
        image.resize((500, 375), BILINEAR).save(files[-1], quality=90)
    return LabelledImages(labels, size, files=[files[number % len(files)] for number in range(count)])


def loaders(size: int, folder: Path, batch: int, counts: tuple[int, int]) -> dict[str, DataLoader]:
    """The loader of the paper's code with the first of `counts` images, and ours with the second."""
    settings, mixing = (CIFAR if size == 32 else IMAGENET), []
    (folder / "mixing").mkdir()
    for number, image in enumerate(photographs("flower.jpg", MIXING_IMAGES, 512)):
        mixing.append(folder / "mixing" / f"{number}.jpg")
        image.save(mixing[-1], quality=90)
    start = time.perf_counter()
    pool = MixingPool(MixingSet(folder / "mixing"), size, cache=folder / "cache", quiet=True)
    print(f"{size} px: the pool of {len(pool)} mixing images was made in {time.perf_counter() - start:.1f} s")
    small = size == 32
    few, many = (training_images(size, count, folder) for count in counts)
    cut = transforms.Compose(
        [
            transforms.RandomCrop(size, padding=4) if small else transforms.RandomResizedCrop(size),
            transforms.RandomHorizontalFlip(),
        ]
    )
    mix = pixmix.PixMix(
        pool, k=settings.k, beta=settings.beta, aug_severity=settings.aug_severity, all_ops=settings.all_ops
    )
    keyed = pixmix.PixMixDataset(
        Plain(many),
        pool,
        seed=0,
        **vars(settings),
        crop=crop_and_flip if small else partial(random_resized_crop, size=size),
    )
    plain = {"batch_size": batch, "num_workers": WORKERS, "persistent_workers": True}
    ours = TrainingSet(many, PixMixMethod("pixmix", settings=settings, pool=pool), seed=0, flip=True)
    return {
        "paper": DataLoader(PaperSet(few, mixing, settings), shuffle=True, **plain),
        "pixmix train": training_loader(ours, BatchPlan(len(many), batch, seed=0), workers=WORKERS),
        "PixMixDataset": DataLoader(keyed, sampler=pixmix.EpochSampler(len(keyed), seed=0), **plain),
        "PixMix transform": DataLoader(Plain(many, transforms.Compose([cut, mix])), shuffle=True, **plain),
    }


def processor_seconds(loader: DataLoader) -> float:
    """CPU time of a loader's workers so far in seconds; 0 before they run."""
    if loader._iterator is None:
        return 0.0
    ticks = 0
    for worker in loader._iterator._workers:
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime
    return ticks / os.sysconf("SC_CLK_TCK")


def rates(ways: dict[str, DataLoader], repeats: int) -> dict[str, tuple[float, float]]:
    """Images of each way per second of wall time, and per second of its workers' CPU time."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, loader in ways.items():
            start, before = time.perf_counter(), processor_seconds(loader)
            for _ in loader:
                pass
            if turn:  # the first epoch starts the workers
                spent[name].append((time.perf_counter() - start, processor_seconds(loader) - before))
    medians = {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in spent.items()}
    counts = {name: len(loader.dataset) for name, loader in ways.items()}
    return {name: (counts[name] / clock, counts[name] / processor) for name, (clock, processor) in medians.items()}


def parts(loader: DataLoader, count: int, repeats: int) -> dict[str, float]:
    """CPU time in milliseconds per image of the steps of the loader of `pixmix train`, with files read from disk."""
    ours: TrainingSet = loader.dataset  # type: ignore[assignment]
    key, indices, files = Key(0), np.arange(count), ours.images.files[:count]
    keep_freed_memory()  # as in the workers of `pixmix train`
    decoded = [read(file) for file in files]
    cut = random_resized_crop(decoded, key, indices, size=ours.images.size)
    mixed = torch.from_numpy(ours.method.augment_array(cut, key, indices))
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: [read(file) for file in files],
        "cut": lambda: random_resized_crop(decoded, key, indices, size=ours.images.size),
        "mix": lambda: ours.method.augment_array(cut, key, indices),
        "share": lambda: mixed.clone().share_memory_(),
    }
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.process_time()
            step()
            spent[name].append(time.process_time() - start)
    return {name: 1e3 * statistics.median(times) / count for name, times in spent.items()}


def share_of_a_step(folder: Path, repeats: int) -> tuple[float, float]:
    """Seconds for mixing a batch of 128 images of 32 px, and for the rest of a WRN-16-2's training step."""
    pool = MixingPool(MixingSet(folder / "mixing"), 32, cache=folder / "cache", quiet=True)
    method = PixMixMethod("pixmix", settings=CIFAR, pool=pool)
    network = network_spec("wrn-16-2", classes=10).build().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, nesterov=True)
    images = training_images(32, 128, folder).array
    assert images is not None
    labels, times = torch.arange(128) % 10, []
    for step in range(repeats + 1):
        start = time.process_time()
        mixed_images = torch.from_numpy(method.augment_array(images, Key(0, step), np.arange(128)))
        mixed = time.process_time()
        loss = torch.nn.functional.cross_entropy(network(mixed_images.to(memory_format=torch.channels_last)), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        times.append((mixed - start, time.process_time() - mixed))
    mixing, rest = map(statistics.median, zip(*times[1:], strict=True))
    return mixing, rest


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    os.environ["OMP_NUM_THREADS"] = "1"  # PixMix's threads outside workers
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Pillow {PIL.__version__}, "
        f"torch {torch.__version__}, {WORKERS} workers"
    )
    with tempfile.TemporaryDirectory() as folder:
        for size, batch, counts in ((32, 128, (1_280, 51_200)), (224, 64, (256, 1_024))):
            subfolder = Path(folder) / str(size)
            subfolder.mkdir()
            ways = loaders(size, subfolder, batch, counts)
            results = rates(ways, repeats)
            print(f"{f'images/s, {size} px':24}{'clock':>10}{'ratio':>8}{'CPU':>10}{'ratio':>8}")
            for name, (clock, processor) in results.items():
                ratios = clock / results["paper"][0], processor / results["paper"][1]
                print(f"{name:24}{clock:>10,.0f}{ratios[0]:>7.1f}x{processor:>10,.0f}{ratios[1]:>7.1f}x", flush=True)
        took = parts(ways["pixmix train"], batch, 2 * repeats)
        print("CPU ms per image:", ", ".join(f"{name} {milliseconds:.2f}" for name, milliseconds in took.items()))
        mixing, rest = share_of_a_step(Path(folder) / "32", 2 * repeats)
    print(f"WRN-16-2, a step: {1e3 * (mixing + rest):.0f} ms, of which PixMix {1e3 * mixing:.2f} ms", end=", ")
    print(f"{mixing / (mixing + rest):.2%}")


if __name__ == "__main__":
    main()
