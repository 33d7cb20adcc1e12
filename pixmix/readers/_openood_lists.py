"""OpenOOD's four benchmarks (v1.5): the lists of each, how many images they name, and where these lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mixset._common.errors import InputError, reading
from mixset._common.regular import read_regular

CLASSIC, LARGE = "images_classic", "images_largescale"
_BYTES = 1 << 28
"""Of a list: that of ImageNet's training images has 60 MB."""


class ImageList(NamedTuple):
    """What is known of an official list."""

    name: str
    """Its file, in the folder of its benchmark."""
    images: int
    """How many images it names; 0 where it is not known."""
    folder: str = CLASSIC
    """Where these lie, beside the folder of the lists."""
    md5: str = ""
    """How the file's MD5 begins, in hexadecimal; empty where it is not known."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark of OpenOOD."""

    name: str
    classes: int
    """How many classes its in-distribution images have."""
    size: int
    """Side of the images in pixels, after cropping."""
    resize: int
    """What the shorter side is resized to before."""
    test: ImageList
    validation: ImageList
    """In-distribution images for the choice of settings."""
    validation_outliers: ImageList
    """Outliers for the same."""
    training: ImageList
    """For scores that need training images, prepared like the others."""
    near: Mapping[str, ImageList]
    """Outliers like the in-distribution images, by set."""
    far: Mapping[str, ImageList]
    """Outliers unlike them, by set."""
    shifted: Mapping[str, ImageList] = field(default_factory=dict)
    """Images of the same classes under a shift, which the full spectrum counts as in-distribution, by set."""

    @property
    def lists(self) -> dict[str, ImageList]:
        """Every list by the name that its images have here."""
        own = {"test": self.test, "validation": self.validation, "validation_outliers": self.validation_outliers}
        return {**own, **self.near, **self.far, **self.shifted}


def _far_of_cifar(places: int) -> dict[str, ImageList]:
    return {
        "mnist": ImageList("test_mnist.txt", 70_000),
        "svhn": ImageList("test_svhn.txt", 26_032),
        "texture": ImageList("test_texture.txt", 5_640),
        "places365": ImageList("test_places365.txt", places),
    }


_IMAGENET_VALIDATION_OUTLIERS = ImageList("val_openimage_o.txt", 1_763, LARGE)
_IMAGENET_NEAR = {
    "ssb_hard": ImageList("test_ssb_hard.txt", 49_000, LARGE, "3702e7b9"),
    "ninco": ImageList("test_ninco.txt", 5_879, LARGE, "b214b386"),
}
_IMAGENET_FAR = {
    "inaturalist": ImageList("test_inaturalist.txt", 10_000, LARGE, "a8c04236"),
    "textures": ImageList("test_textures.txt", 5_160, CLASSIC, "f3772c90"),
    "openimage_o": ImageList("test_openimage_o.txt", 15_869, LARGE, "cf6d23d7"),
}

BENCHMARKS = {
    "cifar10": Benchmark(
        name="cifar10",
        classes=10,
        size=32,
        resize=32,
        test=ImageList("test_cifar10.txt", 9_000, md5="516f2647"),
        validation=ImageList("val_cifar10.txt", 1_000, md5="0388c9ab"),
        validation_outliers=ImageList("val_tin.txt", 1_000),
        training=ImageList("train_cifar10.txt", 50_000, md5="6ac1a43b"),
        near={"cifar100": ImageList("test_cifar100.txt", 9_000), "tin": ImageList("test_tin.txt", 7_793)},
        far=_far_of_cifar(places=35_195),
        shifted={"cifar10c": ImageList("test_cifar10c.txt", 10_000)},
    ),
    "cifar100": Benchmark(
        name="cifar100",
        classes=100,
        size=32,
        resize=32,
        test=ImageList("test_cifar100.txt", 9_000, md5="a3a565ec"),
        validation=ImageList("val_cifar100.txt", 1_000, md5="3c260b8b"),
        validation_outliers=ImageList("val_tin.txt", 972),
        training=ImageList("train_cifar100.txt", 50_000, md5="7f6ce9b8"),
        near={"cifar10": ImageList("test_cifar10.txt", 10_000), "tin": ImageList("test_tin.txt", 6_526)},
        far=_far_of_cifar(places=33_773),
    ),
    "imagenet200": Benchmark(
        name="imagenet200",
        classes=200,
        size=224,
        resize=256,
        test=ImageList("test_imagenet200.txt", 9_000, LARGE, "4f87eba9"),
        validation=ImageList("val_imagenet200.txt", 1_000, LARGE, "eea6f78c"),
        validation_outliers=_IMAGENET_VALIDATION_OUTLIERS,
        training=ImageList("train_imagenet200.txt", 0, LARGE),
        near=_IMAGENET_NEAR,
        far=_IMAGENET_FAR,
        shifted={
            "imagenet_v2": ImageList("test_imagenet200_v2.txt", 2_000, LARGE),
            "imagenet_c": ImageList("test_imagenet200_c.txt", 2_000, LARGE),
            "imagenet_r": ImageList("test_imagenet200_r.txt", 30_000, LARGE),
        },
    ),
    "imagenet": Benchmark(
        name="imagenet",
        classes=1_000,
        size=224,
        resize=256,
        test=ImageList("test_imagenet.txt", 45_000, LARGE, "9e71d083"),
        validation=ImageList("val_imagenet.txt", 5_000, LARGE, "8b40dd8d"),
        validation_outliers=_IMAGENET_VALIDATION_OUTLIERS,
        training=ImageList("train_imagenet.txt", 0, LARGE),
        near=_IMAGENET_NEAR,
        far=_IMAGENET_FAR,
        shifted={
            "imagenet_v2": ImageList("test_imagenet_v2.txt", 10_000, LARGE),
            "imagenet_c": ImageList("test_imagenet_c.txt", 10_000, LARGE),
            "imagenet_r": ImageList("test_imagenet_r.txt", 30_000, LARGE),
        },
    ),
}
"""Each benchmark by the name of the folder of its lists. ImageNet's full spectrum is without ImageNet-ES, which the
board's rows do not have either."""


class Listed(NamedTuple):
    """The content of a list."""

    names: list[str]
    """The images' files, below the folder of their kind."""
    labels: np.ndarray
    """(N,) int64; what a list of outliers has there means nothing."""
    md5: str
    """Of the file, in hexadecimal."""


def read_list(path: Path) -> Listed:
    """Read a list of images, a line `FILE LABEL` for each.

    A line is divided at its first blank, as OpenOOD does.

    Raises:
        InputError: the file cannot be read, names no image, or a line has another form or leads out of its folder.
    """
    with reading(str(path), "unpack OpenOOD's benchmark_imglist.zip again"):
        content = read_regular(path, _BYTES)
    names, labels = [], []
    for number, line in enumerate(os.fsdecode(content).splitlines(), 1):
        if not line.strip():
            continue
        name, _, label = line.strip().partition(" ")
        try:
            labels.append(int(label))
        except ValueError:
            raise InputError(f"{path}, line {number}: needs FILE and LABEL, a whole number: {line[:80]}") from None
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"{path}, line {number}: {name[:80]} is no file below the folder of images")
        names.append(name)
    if not names:
        raise InputError(f"{path}: names no image")
    try:
        numbers = np.array(labels, np.int64)
    except OverflowError:
        raise InputError(f"{path}: has labels that are no class numbers") from None
    return Listed(names, numbers, hashlib.md5(content, usedforsecurity=False).hexdigest())
