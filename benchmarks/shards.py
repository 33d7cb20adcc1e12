"""How fast shards are written and read, by compression, compared with folders of JPEG and PNG files.

    python benchmarks/shards.py [SIZE [COUNT]]

Layered fractals are drawn once, then written, and read back as single images in random order by one thread, in
alternation over several rounds; medians of CPU time are printed with their ratios to the uncompressed shard. The
default compression of `ShardWriter` was chosen by this table.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from mixset import MixingSet, ShardWriter
from mixset._common.decoding import decode
from mixset.generate._fractals.recipe import FractalRecipe
from mixset.generate._fractals.rendering import FORMULA

ROUNDS = 3


def shard_writer(compression: str) -> Callable[[Path, np.ndarray], None]:
    def write(folder: Path, images: np.ndarray) -> None:
        with ShardWriter(
            folder / "fractals-00000.h5",
            family="fractals",
            recipe={},
            start_index=0,
            shape=images.shape[1:3],
            count=len(images),
            compression=compression,
        ) as writer:
            for index, image in enumerate(images):
                writer.add(image, index, {"index": index})

    return write


def write_lzf(folder: Path, images: np.ndarray) -> None:
    """Write images like a shard, but with LZF compression, which shards do not offer."""
    with h5py.File(folder / "fractals.h5", "w", rdcc_nbytes=0) as file:
        stored = file.create_dataset(
            "images", images.shape, np.uint8, chunks=(1, *images.shape[1:]), compression="lzf", fletcher32=True
        )
        for index, image in enumerate(images):
            stored[index] = image


def read_lzf(folder: Path, order: np.ndarray) -> None:
    with h5py.File(folder / "fractals.h5", rdcc_nbytes=0) as file:
        images = file["images"]
        for index in order:
            images[index]


def read_shard(folder: Path, order: np.ndarray) -> None:
    images = MixingSet(folder)
    for index in order:
        images[index]


def file_writer(suffix: str, **options: object) -> Callable[[Path, np.ndarray], None]:
    def write(folder: Path, images: np.ndarray) -> None:
        for index, image in enumerate(images):
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, suffix, **options)
            (folder / f"{index:05d}.{suffix}").write_bytes(stream.getvalue())

    return write


def read_files(folder: Path, order: np.ndarray) -> None:
    paths = sorted(folder.iterdir())
    for index in order:
        decode(paths[index])


WAYS = {
    "shard, none": (shard_writer("none"), read_shard),
    "HDF5, lzf": (write_lzf, read_lzf),
    "shard, gzip-1": (shard_writer("gzip"), read_shard),
    "JPEG files, quality 95, 4:4:4": (file_writer("jpeg", quality=95, subsampling=0), read_files),
    "PNG files, level 1": (file_writer("png", compress_level=1), read_files),
}


def measure(size: int, count: int) -> None:
    """Print the table."""
    recipe = FractalRecipe(count=count, size=size)
    FORMULA.render(recipe, 0)
    start = time.process_time()
    images = np.stack([FORMULA.render(recipe, index)[0] for index in range(count)])
    drawing = (time.process_time() - start) / count
    order = np.random.default_rng(0).permutation(count)
    writes: dict[str, list[float]] = {name: [] for name in WAYS}
    reads: dict[str, list[float]] = {name: [] for name in WAYS}
    sizes = {}
    for _ in range(ROUNDS):
        for name, (write, read) in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                writes[name].append(processor_time(write, Path(folder), images) / count)
                sizes[name] = sum(path.stat().st_size for path in Path(folder).iterdir()) / images.nbytes
                reads[name].append(processor_time(read, Path(folder), order) / count)

    raw_write, raw_read = (statistics.median(times["shard, none"]) for times in (writes, reads))
    print(f"{count} layered fractals of {size} pixels; drawing one takes {drawing * 1e3:.1f} ms of one core")
    print(f"{os.cpu_count()} cores, medians of {ROUNDS} rounds, processor time\n")
    print(f"{'':31} {'bytes/raw':>9} {'write ms':>9} {'ratio':>6} {'read ms':>9} {'ratio':>6} {'write/draw':>10}")
    for name in WAYS:
        write, read = statistics.median(writes[name]), statistics.median(reads[name])
        print(
            f"{name:31} {sizes[name]:9.2f} {write * 1e3:9.2f} {write / raw_write:5.1f}x {read * 1e3:9.2f} "
            f"{read / raw_read:5.1f}x {write / drawing:10.0%}"
        )


def processor_time(work: Callable[..., None], *arguments: object) -> float:
    """CPU time of a call in seconds, including the kernel's for copying and syncing files."""
    start = time.process_time()
    work(*arguments)
    return time.process_time() - start


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:3]]
    measure(*arguments, *(512, 96)[len(arguments) :])
