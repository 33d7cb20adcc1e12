"""Reading the images of OpenOOD's benchmarks by its own lists."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError, perhaps

from ._files import ImageFiles
from ._openood_lists import BENCHMARKS, Benchmark, ImageList, Listed, read_list
from ._problems import listed, resolve, warn_once
from ._transforms import Transform

LISTS = "benchmark_imglist"
_REMEDY = "fetch OpenOOD's lists and images of version 1.5"


class OpenOODSet:
    """A benchmark of OpenOOD v1.5, its images named by its lists: `cifar10`, `cifar100`, `imagenet200` or `imagenet`.

    Lists and images are read as OpenOOD unpacks them: `benchmark_imglist/`, `images_classic/` and
    `images_largescale/` in one folder. The number of images is that of the official lists, and the lists are known by
    their MD5 where it is published.

    Args:
        lists: the folder of the benchmark's lists, such as `data/benchmark_imglist/cifar10`.
        partial: leave out what is missing and list it in `problems`, instead of raising.

    Raises:
        InputError: no such benchmark, or no test images; or, without `partial`, a list is missing, is not the official
            one or cannot be read, or images of it are missing.
    """

    def __init__(self, lists: str | os.PathLike[str], *, partial: bool = False) -> None:
        self.root = Path(os.path.abspath(lists))
        self.partial = partial
        self.benchmark = _benchmark(self.root)
        """Its lists and what is known of them."""
        self.images: dict[str, ImageFiles] = {}
        """`test`, `validation`, `validation_outliers` and each set → its images; outliers have the label −1."""
        self.absent: dict[str, str] = {}
        """Sets of the full spectrum that were never fetched → why; no problem, since few people have them."""
        problems: list[str] = []
        for name, about in self.benchmark.lists.items():
            if (images := self._read(name, about, problems)) is not None:
                self.images[name] = images
        self.problems = resolve(self.root, problems, partial, _REMEDY)
        """A line for everything that is left out."""
        if "test" not in self.images:
            raise InputError(f"{self.root}: there are no test images; {_REMEDY}")
        self.near = tuple(name for name in self.benchmark.near if name in self.images)
        """The sets of outliers like the test images."""
        self.far = tuple(name for name in self.benchmark.far if name in self.images)
        """The sets of outliers unlike them."""
        self.shifted = tuple(name for name in self.benchmark.shifted if name in self.images)
        """The sets of the same classes under a shift."""
        if self.absent:
            why = next(iter(self.absent.values()))
            warn_once(f"{self.root}: the full spectrum is without {listed([*self.absent])}: {why}")
        self.source = {"source": "official"}
        """Where the set is from, for results."""

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the images."""
        return self.benchmark.size, self.benchmark.size

    def training(self) -> ImageFiles:
        """The training images, for scores that need them; they are looked for only here, since there are many.

        Raises:
            InputError: as for the whole, of these images.
        """
        problems: list[str] = []
        images = self._read("training", self.benchmark.training, problems)
        self.problems += resolve(self.root, problems, self.partial and images is not None, _REMEDY)
        assert images is not None, "there is a problem where there are none"
        return images

    def _read(self, name: str, about: ImageList, problems: list[str]) -> ImageFiles | None:
        """The images of a list that are there; None where none are, which is a problem but for shifted sets."""
        path, folder = self.root / about.name, self.root.parent.parent / about.folder
        shifted = name in self.benchmark.shifted
        if not os.path.exists(path):
            if shifted:
                self.absent[name] = f"{about.name} is missing"
            else:
                problems.append(f"{about.name}: missing")
            return None
        try:
            content = read_list(path)
            labels = self._labels(name, about, content.labels)
        except InputError as error:
            problems.append(str(error))
            return None
        there = np.array([os.path.isfile(folder / file) for file in content.names])
        if shifted and not there.any():
            self.absent[name] = f"there is no {about.folder}/{content.names[0]}"
            return None
        problems.extend(_unlike(content, about))
        if not there.all():
            lost = content.names[int(np.argmin(there))]
            count = f"{int((~there).sum()):,} of {len(there):,}"
            problems.append(f"{name}: {count} images missing ({about.folder}/{lost})")
        kept = [file for file, is_there in zip(content.names, there, strict=True) if is_there]
        return ImageFiles(folder, kept, labels[there], self._fit(name)) if kept else None

    def _labels(self, name: str, about: ImageList, labels: np.ndarray) -> np.ndarray:
        """The class numbers of a list; outliers have none, whatever the list says."""
        if name in (*self.benchmark.near, *self.benchmark.far, "validation_outliers"):
            return np.full_like(labels, -1)
        if labels.min() < 0 or labels.max() >= self.benchmark.classes:
            raise InputError(f"{about.name}: labels run from {labels.min()} to {labels.max()}")
        return labels

    def _fit(self, name: str) -> Transform:
        # ImageNet-C's images are cropped already.
        return Transform(self.benchmark.size, None if name == "imagenet_c" else self.benchmark.resize)


def _benchmark(root: Path) -> Benchmark:
    """The benchmark whose lists a folder holds."""
    if root.name in BENCHMARKS:
        if not root.is_dir():
            raise InputError(f"{root}: no such folder; {_REMEDY}")
        return BENCHMARKS[root.name]
    inner = root if root.name == LISTS else root / LISTS
    there = [str(inner / name) for name in BENCHMARKS if (inner / name).is_dir()]
    remedy = f"choose from {', '.join(there)}" if there else f"name one, such as data/{LISTS}/cifar10"
    raise InputError(f"{root}: is not the folder of a benchmark's lists{perhaps(root.name, BENCHMARKS)}; {remedy}")


def _unlike(content: Listed, about: ImageList) -> list[str]:
    """How a list differs from the official one."""
    count = len(content.names)
    if count != about.images and about.images:
        return [f"{about.name}: names {count:,} images, the official list {about.images:,}"]
    if not content.md5.startswith(about.md5):
        return [f"{about.name}: is not the official list: its MD5 is {content.md5[:8]}..., not {about.md5}..."]
    return []
