"""A stored training set beside the folder it was made of: bytes, start, and images per second of a core.

    python benchmarks/stored_set.py [--repeats 5] [--count 512] [--many 1281167]

Files are JPEGs as large as ImageNet's (500 x 375, 113 kB), imported as they are and with a short side of 256. Rates are
of the loader of `pixmix train` as a GPU has it, without workers: read, decode, crop to 224 px; CPU time, ways taking
turns, medians. The start is what `pixmix train` does with a set of so many files before the first image is read:
opening it, numbering its classes, laying out its labels. That set's files have a few bytes each,
since none is read.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path

import PIL
from paper import photographs, write_like_imagenet
from PIL import Image

from mixset._store import manifest
from mixset._stored.import_stored import _entry, import_labelled
from mixset._stored.stored_index import read_index
from mixset._stored.stored_shard import FAMILY, Member, write_stored_shard
from pixmix.methods import Method
from pixmix.train._data.datasets import load_data
from pixmix.train._training.batches import BatchPlan, TrainingSet
from pixmix.train._training.loader import Loader

FILES = 4_600
"""Files of ImageNet's size in a shard."""


def write_data(root: Path, count: int) -> None:
    """A folder of two classes for training and testing, the same images in both."""
    images = photographs("china.jpg", 32, 500) + photographs("flower.jpg", 32, 500)
    for name in ("a", "b"):
        (root / "train" / name).mkdir(parents=True)
        (root / "val" / name).mkdir(parents=True)
        write_like_imagenet([images[number % len(images)] for number in range(count // 2)], root / "train" / name)
        Image.new("RGB", (300, 300)).save(root / "val" / name / "0.png")


def bytes_of(folder: Path) -> int:
    """All files in a folder, in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def rates(names: dict[str, str], repeats: int) -> dict[str, float]:
    """Images of each data set per second of CPU time."""
    spent: dict[str, list[float]] = {name: [] for name in names}
    loaders = {}
    for name, dataset in names.items():
        train = load_data(dataset, size=224).train
        loaders[name] = Loader(
            TrainingSet(train, Method(), seed=0, flip=True, tensors=True), BatchPlan(len(train), 64, seed=0)
        )
    for turn in range(repeats + 1):
        for name, loader in loaders.items():
            start = time.process_time()
            for _ in loader:
                pass
            if turn:
                spent[name].append((time.process_time() - start) / len(loader.images))
    return {name: 1 / statistics.median(times) for name, times in spent.items()}


def write_many(folder: Path, count: int, classes: int) -> None:
    """A training set of files of a few bytes, with names and shards as ImageNet's."""
    names = [f"n{1_000_000 + label:08d}" for label in range(classes)]
    entries, recipe = [], {"side": None, "jpeg": None}
    for number, start in enumerate(range(0, count, FILES)):
        members = []
        for place in range(start, min(start + FILES, count)):
            label = place * classes // count
            members.append(Member(f"{names[label]}/{names[label]}_{place}.JPEG", b"%d" % place, label, (375, 500)))
        path = folder / f"{FAMILY}-{number:05d}.h5"
        write_stored_shard(path, members, recipe=recipe, start_index=start)
        entries.append(_entry(read_index(path)))
    manifest.write(folder, recipe, entries, classes=names)


def start_of(root: Path, many: int) -> tuple[float, float, float]:
    """Seconds by the clock and of CPU for opening a set of so many files, and what it takes of memory in MB."""
    for part, count in (("train", many), ("val", 50_000)):
        (root / part).mkdir(parents=True)
        write_many(root / part, count, 1_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, processor = time.perf_counter(), time.process_time()
    data = load_data(f"store:{root}", size=224)
    took = time.perf_counter() - start, time.process_time() - processor
    assert len(data.train) == many and len(data.classes) == 1_000
    return *took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--count", type=int, default=512)
    parser.add_argument("--many", type=int, default=1_281_167)
    arguments = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Pillow {PIL.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_data(root / "data", arguments.count)
        names = {"folder": f"folder:{root / 'data'}"}
        sizes = {"folder": bytes_of(root / "data" / "train")}
        imports = {}
        for name, side in (("store", None), ("store, side 256", 256)):
            out, start = root / name, time.process_time()
            import_labelled(root / "data", out, side=side, workers=1, quiet=True)
            imports[name] = 1e3 * (time.process_time() - start) / arguments.count
            names[name], sizes[name] = f"store:{out}", bytes_of(out / "train")
        for name, rate in (found := rates(names, arguments.repeats)).items():
            took = f", import {imports[name]:.2f} ms an image" if name in imports else ""
            kilobytes = sizes[name] / arguments.count / 1e3
            print(
                f"{name:18}{rate:>8,.0f} images/s a core{rate / found['folder']:>7.2f}x{kilobytes:>8.1f} kB each{took}"
            )
        clock, processor, memory = start_of(root / "many", arguments.many)
        print(f"start of {arguments.many:,} files: {clock:.2f} s, CPU {processor:.2f} s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
