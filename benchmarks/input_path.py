"""Training images per second through a DataLoader with two workers, compared with the paper's code.

    python benchmarks/input_path.py [--repeats 5] [--sides 32 224] [--images FOLDER]

The whole input pipeline is measured: crop, flip, PixMix, batch. At 32 px the training images are in memory like CIFAR's
and are cropped after padding by 4, in batches of 128; at 224 px they are JPEG files as large as ImageNet's (500 x 375,
113 kB) that are cropped at random sizes, in batches of 64. The paper's code is reimplemented in benchmarks/paper.py: it
reads a mixing image from a folder of 512-px JPEG files for each training image. Of our ways are measured: the loader of
`pixmix train` and the one before it (Pillow, torch's DataLoader), `PixMixDataset`, and the `PixMix` transform with
torch's own collation; at 224 px also both loaders as a GPU has them, which mixes by itself: they hand over crops.
Epochs alternate, with persistent workers; shown are medians of images per second of wall time, and of CPU time of all
processes.

After the rates follow, for 32 px, the share of PixMix in a training step of a WRN-16-2 on the CPU, with 128 images and
one thread, and for 224 px the time of the loader's steps in one process: decoding, cropping and mixing.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import PIL
import torch
from input_ways import WORKERS, loaders, training_images
from torch.utils.data import DataLoader

from mixset import MixingPool, MixingSet
from mixset._common import jpegs
from mixset._common.decoding import list_image_files, read_image
from mixset._common.memory import keep_freed_memory
from mixset.generate._networks.spec import network_spec
from pixmix._augment.crops import random_resized_crop
from pixmix._augment.draws import Key
from pixmix._augment.settings import CIFAR
from pixmix.methods._mixing import PixMixMethod
from pixmix.train._training.batches import TrainingSet
from pixmix.train._training.loader import Loader, RingLoader

CASES = {32: (128, (1_280, 51_200)), 224: (64, (128, 512))}
"""By side of the images: the batch, and how many images an epoch of the paper's way and of ours has."""


def processor_seconds(loader: DataLoader | Loader) -> float:
    """CPU time so far of this process and a loader's workers, in seconds."""
    if isinstance(loader, RingLoader):
        workers = loader._processes
    else:
        workers = getattr(getattr(loader, "_iterator", None), "_workers", [])
    ticks = 0
    for worker in workers:
        fields = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def rates(ways: dict[str, DataLoader | Loader], repeats: int) -> dict[str, tuple[float, float]]:
    """Images of each way per second of wall time, and per second of CPU time of all its processes."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, loader in ways.items():
            start, before = time.perf_counter(), processor_seconds(loader)
            for _ in loader:
                pass
            if turn:  # the first epoch starts the workers
                spent[name].append((time.perf_counter() - start, processor_seconds(loader) - before))
    medians = {name: tuple(map(statistics.median, zip(*times, strict=True))) for name, times in spent.items()}
    counts = {name: len(way.images if isinstance(way, Loader) else way.dataset) for name, way in ways.items()}
    return {name: (counts[name] / clock, counts[name] / processor) for name, (clock, processor) in medians.items()}


def parts(ours: TrainingSet, count: int, repeats: int) -> dict[str, float]:
    """CPU time in milliseconds per image of the steps of the loader of `pixmix train`, with files read from disk."""
    key, indices, files = Key(0), np.arange(count), ours.images.files[:count]
    keep_freed_memory()  # as in the workers of `pixmix train`
    decoded = [read_image(file) for file in files]
    cut = random_resized_crop(decoded, key, indices, size=ours.images.size)
    steps: dict[str, Callable[[], object]] = {
        "decode by Pillow": lambda: by_pillow(files),
        "decode": lambda: [read_image(file) for file in files],
        "cut": lambda: random_resized_crop(decoded, key, indices, size=ours.images.size),
        "mix": lambda: ours.method.augment_array(cut, key, indices),
    }
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.process_time()
            step()
            spent[name].append(time.process_time() - start)
    return {name: 1e3 * statistics.median(times) / count for name, times in spent.items()}


def by_pillow(files: Sequence[Path]) -> None:
    with patch.object(jpegs, "simplejpeg", None):
        for file in files:
            read_image(file)


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
    parser.add_argument("--sides", type=int, nargs="+", choices=(32, 224), default=(32, 224))
    parser.add_argument("--images", type=Path, help="a folder of images to make the training files from")
    arguments = parser.parse_args()
    repeats, own = arguments.repeats, list_image_files(arguments.images) if arguments.images else []
    os.environ["OMP_NUM_THREADS"] = "1"  # PixMix's threads outside workers
    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Pillow {PIL.__version__}, "
        f"torch {torch.__version__}, {WORKERS} workers"
    )
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sides:
            batch, counts = CASES[size]
            subfolder = Path(folder) / str(size)
            subfolder.mkdir()
            ways = loaders(size, subfolder, batch, counts, own)
            results = rates(ways, repeats)
            print(f"{f'images/s, {size} px':26}{'clock':>10}{'ratio':>8}{'CPU':>10}{'ratio':>8}")
            for name, (clock, processor) in results.items():
                ratios = clock / results["paper"][0], processor / results["paper"][1]
                print(f"{name:26}{clock:>10,.0f}{ratios[0]:>7.1f}x{processor:>10,.0f}{ratios[1]:>7.1f}x", flush=True)
            ours = ways["pixmix train"]
            if size == 32:
                mixing, rest = share_of_a_step(subfolder, 2 * repeats)
                print(
                    f"WRN-16-2, a step: {1e3 * (mixing + rest):.0f} ms, of which PixMix {1e3 * mixing:.2f} ms", end=", "
                )
                print(f"{mixing / (mixing + rest):.2%}")
            elif isinstance(ours, Loader):
                took = parts(ours.images, batch, 2 * repeats)
                print("CPU ms per image:", ", ".join(f"{name} {spent:.2f}" for name, spent in took.items()))


if __name__ == "__main__":
    main()
