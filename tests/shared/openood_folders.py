"""Small folders in exactly the layout that OpenOOD unpacks, and what its official lists would be of that size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixmix.readers import _openood_lists as lists

# Where the images of each CIFAR list lie, below images_classic, and the size they have on disk.
_CIFAR = {
    "train_{id}.txt": ("{id}/train/{name}/{number:04d}.png", 32),
    "test_{id}.txt": ("{id}/test/{name}/{number:04d}.png", 32),
    "val_{id}.txt": ("{id}/test/{name}/{number:04d}.png", 32),
    "val_tin.txt": ("tin/val/val_{number}.JPEG", 64),
    "test_{other}.txt": ("{other}/test/{name}/{number:04d}.png", 32),
    "test_tin.txt": ("tin/test/val_{number}.JPEG", 64),
    "test_mnist.txt": ("mnist/test/{number}.jpg", 28),
    "test_svhn.txt": ("svhn/test/{number}.jpg", 32),
    "test_texture.txt": ("texture/{name}/{name}_{number:04d}.jpg", 90),
    "test_places365.txt": ("places365/val/Places365_val_{number:08d}.jpg", 70),
}
SHIFTED = {"test_cifar10c.txt": ("cifar10c/{number:05d}_{label}.png", 32)}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
COUNT = 20
"""Images of each list: two of each of ten classes."""


def cifar(root: Path, benchmark: str = "cifar10", *, shifted: bool = False) -> Path:
    """A benchmark of ten classes in `root`, whose lists are below what is returned; MNIST and SVHN are grey."""
    other = {"cifar10": "cifar100", "cifar100": "cifar10"}[benchmark]
    folder = root / "benchmark_imglist" / benchmark
    folder.mkdir(parents=True)
    for seed, (file, (pattern, side)) in enumerate({**_CIFAR, **(SHIFTED if shifted else {})}.items()):
        name = file.format(id=benchmark, other=other)
        own = name in (*(f"{part}_{benchmark}.txt" for part in ("train", "val", "test")), *SHIFTED)
        first = 100 * seed  # validation and test images lie in one folder
        lines = []
        for number in range(COUNT):
            label = number % 10 if own else -1
            words: dict[str, Any] = {"id": benchmark, "other": other, "label": label, "number": first + number}
            path = pattern.format(name=CLASSES[number % 10], **words)
            write_image(root / "images_classic" / path, side, seed=first + number, grey="mnist" in path)
            lines.append(f"{path} {label}\n")
        (folder / name).write_text("".join(lines))
    return folder


def write_image(path: Path, side: int, *, seed: int, grey: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Wider than high, so that the crop matters.
    array = np.random.default_rng(seed).integers(0, 256, (side, side + 8, 3), np.uint8)
    image = Image.fromarray(array).convert("L") if grey else Image.fromarray(array)
    image.save(path)


def official(patch: pytest.MonkeyPatch, benchmark: str = "cifar10", count: int = COUNT) -> lists.Benchmark:
    """Let the official lists have that many images, and any content."""
    about = lists.BENCHMARKS[benchmark]

    def small(each: lists.ImageList) -> lists.ImageList:
        return each._replace(images=count, md5="")

    groups = {
        group: {name: small(each) for name, each in getattr(about, group).items()}
        for group in ("near", "far", "shifted")
    }
    own = {part: small(getattr(about, part)) for part in ("test", "validation", "validation_outliers", "training")}
    changed = replace(about, **own, **groups)
    patch.setitem(lists.BENCHMARKS, benchmark, changed)
    return changed


def arrays(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The images of a CIFAR list as OpenOOD prepares them, and its labels, by Pillow and torchvision alone."""
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    prepare = Compose([Resize(32, InterpolationMode.BILINEAR), CenterCrop(32)])
    images, labels = [], []
    for line in (folder / name).read_text().splitlines():
        path, label = line.split(" ", 1)
        with Image.open(folder.parent.parent / "images_classic" / path) as image:
            images.append(np.asarray(prepare(image.convert("RGB"))))
        labels.append(int(label))
    return np.stack(images), np.array(labels)
