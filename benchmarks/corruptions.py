"""Corruptions: images per second compared with the original scripts, and the time for a whole suite of CIFAR.

    python benchmarks/corruptions.py [--suites c cbar p] [--repeats 3] [--full FOLDER]

The originals are those with which the tests compare results byte for byte: one image at a time in NumPy, SciPy, OpenCV
and scikit-image, and for C̄ pixel by pixel, as in the benchmarks' scripts (ImageMagick's motion blur is reimplemented in
NumPy). They draw as many random numbers from NumPy's generator. Both run on one thread and alternate; shown are medians
of CPU time over severities 1 to 5 at 32 px, and of severity 3 at 224 px. For sequences only ours are shown, since the
scripts make them by the same operations frame by frame. The time for whole suites on two cores is estimated from these,
or with --full measured: 10,000 images, two processes, all files written.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from pixmix.corruptions._c.frost import FILES, find_frost
from pixmix.corruptions._making.job import corrupt
from pixmix.corruptions._making.sources import Source
from pixmix.corruptions._making.suites import members
from pixmix.corruptions._p.base import Perturbation
from pixmix.corruptions._shared.base import Corruption, Stream

sys.path.append(str(Path(__file__).parents[1] / "tests" / "pixmix"))

import original_c
import original_cbar

TEST_SET, CORES = 10_000, 2
FROST_SIZES = ((600, 900), (315, 560), (315, 560), (350, 527), (495, 660))
"""Height and width of the original photographs of frost, which are replaced by parts of another photograph."""


def photographs(count: int, size: int) -> np.ndarray:
    """Parts of a photograph from scikit-learn, (count, size, size, 3) uint8."""
    rng, whole = np.random.default_rng(0), Image.fromarray(load_sample_image("china.jpg"))
    parts = []
    for _ in range(count):
        side = int(rng.integers(120, 420))
        left, top = int(rng.integers(0, whole.width - side)), int(rng.integers(0, whole.height - side))
        parts.append(np.asarray(whole.resize((size, size), box=(left, top, left + side, top + side))))
    return np.stack(parts)


def frost_photographs(folder: Path) -> Path:
    """Write photographs with the sizes of those of frost to a folder, and return it."""
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    for name, (height, width) in zip(FILES, FROST_SIZES, strict=True):
        flower.resize((width, height)).save(folder / name)
    return folder


def original(kind: Corruption, frost: Path) -> Callable[[np.ndarray, int], object]:
    """The original script of a corruption with random draws, as a function of an image and a severity."""
    rng = np.random.default_rng(0)
    module = original_cbar if hasattr(original_cbar, kind.name) else original_c
    function, indices = getattr(module, kind.name), {}

    def draw(fields: dict) -> None:
        for value in fields.values():
            if isinstance(value, np.ndarray) and kind.name != "shot_noise":
                rng.standard_normal(value.shape)

    def work(image: np.ndarray, severity: int) -> object:
        size = image.shape[:2]
        parameters = kind.parameters(severity, size)
        if kind.name == "shot_noise":  # the tests' version computes quantiles of uniform numbers, which is slow
            return original_c.finish(rng.poisson(image / 255.0 * parameters) / float(parameters))
        fields = templates.setdefault(
            (size, severity), kind.draw(Stream(0, 0, corruption=kind.number, severity=severity), size, parameters)
        )
        draw(fields)
        if module is original_c:
            return function(image, parameters, fields, *((find_frost(frost),) if kind.name == "frost" else ()))
        if size not in indices:
            indices[size] = [(y, x) for y in range(size[0]) for x in range(size[1])]
        return function(image, parameters, fields, indices[size])

    templates: dict = {}
    return work


def spent(work: Callable[[], object]) -> float:
    """CPU time of a call in seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def median_times(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median CPU time of both in seconds; runs alternate, after a warm-up call of the first."""
    ours()
    times = [(spent(ours), spent(theirs)) for _ in range(repeats)]
    return statistics.median(time for time, _ in times), statistics.median(time for _, time in times)


def compare(kind: Corruption, frost: Path, size: int, count: int, few: int, repeats: int) -> tuple[float, float]:
    """Corrupted images per second of ours and of the original, which gets fewer images."""
    images, theirs = photographs(count, size), original(kind, frost)
    severities = (1, 2, 3, 4, 5) if size == 32 else (3,)

    def ours() -> None:
        for index, image in enumerate(images):
            for severity in severities:
                kind(image, severity=severity, seed=0, index=index)

    def plainly() -> None:
        for image in images[:few]:
            for severity in severities:
                theirs(image, severity)

    seconds = median_times(ours, plainly, repeats)
    return count * len(severities) / seconds[0], few * len(severities) / seconds[1]


def show_corruptions(suite: str, frost: Path, repeats: int) -> None:
    """Print a line for each corruption of a suite, and the estimated time for CIFAR's suite."""
    print(f"\n{suite:33}{'32 px: plain':>12}{'ours':>9}{'ratio':>8}{'224 px: plain':>16}{'ours':>9}{'ratio':>8}")
    own, estimate = {kind.name for kind in members(suite, 32, frost_folder=frost)}, 0.0
    for kind in members(suite, 32, extra=True, frost_folder=frost):
        assert isinstance(kind, Corruption)
        slow = hasattr(original_cbar, kind.name) or kind.name == "glass_blur"
        line = f"{kind.name:33}"
        for size, count, few in ((32, 40, 1 if slow else 20), (224, 4, 1 if slow else 2)):
            ours, theirs = compare(kind, frost, size, count, few, 1 if slow and size == 224 else repeats)
            line += f"{theirs:>{12 if size == 32 else 16},.1f}{ours:>9,.0f}{ours / theirs:>7,.1f}x"
            estimate += 5 * TEST_SET / ours / CORES if size == 32 and kind.name in own else 0
        print(line, flush=True)
    print(f"CIFAR's suite {suite}, {len(own)} x 5 x {TEST_SET:,}: about {estimate / 60:.1f} minutes on {CORES} cores")


def show_sequences(repeats: int) -> None:
    """Print a line for each perturbation, and the estimated time for CIFAR's ten."""
    print(f"\n{'p: sequences a second':33}{'32 px':>12}{'224 px':>9}")
    own, estimate = {kind.name for kind in members("p", 32)}, 0.0
    for kind in members("p", 32, extra=True):
        assert isinstance(kind, Perturbation)
        line = f"{kind.name:33}"
        for size, whole, count in ((32, 32, 20), (224, 256, 2)):
            images = photographs(count, whole)

            def ours(images: np.ndarray = images, size: int = size, kind: Perturbation = kind) -> None:
                for index, image in enumerate(images):
                    kind(image, size=size, seed=0, index=index)

            ours()
            rate = count / statistics.median(spent(ours) for _ in range(repeats))
            line += f"{rate:>{12 if size == 32 else 9},.1f}"
            estimate += TEST_SET / rate / CORES if size == 32 and kind.name in own else 0
        print(line, flush=True)
    print(f"CIFAR's suite p, {len(own)} x {TEST_SET:,}: about {estimate / 60:.1f} minutes on {CORES} cores")


def show_whole(suite: str, frost: Path, folder: Path) -> None:
    """Write a whole suite for as many images as CIFAR's test set has, and print the time it takes."""
    source = Source(name="parts", size=32, labels=np.arange(TEST_SET) % 10, array=photographs(TEST_SET, 32))
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.perf_counter()
        corrupt(source, Path(out) / suite, suite=suite, frost=frost, workers=CORES)
        minutes = (time.perf_counter() - start) / 60
        size = sum(path.stat().st_size for path in Path(out).rglob("*") if path.is_file())
    print(f"CIFAR's suite {suite} written by {CORES} processes: {minutes:.1f} minutes, {size / 1e9:.1f} GB", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--suites", nargs="+", choices=("c", "cbar", "p"), default=("c", "cbar", "p"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--full", type=Path, help="also write whole suites, into a folder with 2.5 GB of space (p: 10)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, OpenCV {cv2.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        frost = frost_photographs(Path(folder))
        for suite in arguments.suites:
            if suite == "p":
                show_sequences(arguments.repeats)
            else:
                show_corruptions(suite, frost, arguments.repeats)
            if arguments.full:
                show_whole(suite, frost, arguments.full)


if __name__ == "__main__":
    main()
