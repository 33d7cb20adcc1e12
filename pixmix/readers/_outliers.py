"""Reading out-of-distribution sets at the test set's size: folders of images, arrays, SVHN's and CIFAR's own files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mixset._common.decoding import is_image
from mixset._common.errors import InputError, counted

from ._arrays import open_images
from ._classes import list_folders, list_images
from ._files import ImageFiles
from ._matlab import read_bytes_array
from ._members import archives, check_root
from ._problems import listed, resolve, warn_once
from ._transforms import Transform

BENCHMARK = ("textures", "svhn", "places69")
"""The sets of photographs among the six sets of the paper's supplement, section B; the others are synthetic."""

SVHN = "test_32x32.mat"
CIFAR = {"cifar-10-batches-py": "CIFAR10", "cifar-100-python": "CIFAR100"}
"""Folders that torchvision unpacks, and the names of its data sets in them."""
_NO_OUTLIERS = ("train", "labels", "annotations", "masks", "segmentations")
"""Folders of a set that usually do not hold the images to measure."""
_NAMES = {"dtd": "textures", "cifar-10-batches-py": "cifar10", "cifar-100-python": "cifar100"}


class ArrayImages(Sequence[tuple[np.ndarray, int]]):
    """Images of an (N, H, W, 3) uint8 array, transformed on access, as a sequence of (image, −1)."""

    def __init__(self, array: np.ndarray, fit: Transform) -> None:
        self.array, self.fit = array, fit

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        return self.fit(Image.fromarray(np.ascontiguousarray(self.array[index]))), -1

    def take(self, indices: np.ndarray) -> ArrayImages:
        """The images at `indices`, (n,) whole numbers."""
        return ArrayImages(self.array[indices], self.fit)

    def fingerprint(self) -> str:
        """A SHA-256 of the images and the transform."""
        digest = hashlib.sha256(f"{self.fit} {self.array.shape}\n".encode())
        digest.update(np.ascontiguousarray(self.array).data)
        return digest.hexdigest()


Outliers = tuple[np.ndarray, np.ndarray] | ImageFiles | ArrayImages
"""Images with labels −1: an (N, H, W, 3) uint8 array with (N,) labels, or a sequence of (image, −1)."""


class OutlierSets:
    """The out-of-distribution sets in a folder, in which each set is a folder of images, an array or a `.mat` file.

    A set is named by its file name in lower case: `textures` (or `dtd`), `svhn`, `places69`, `lsun`, `imagenet`,
    `cifar-100-python`, or any other.

    Args:
        sets: the folder, or a path for each set's name.
        size: side of the in-distribution images in pixels.
        partial: leave out sets that are missing or broken and list them in `problems`, instead of raising.

    Raises:
        InputError: there is no such folder; or, without `partial`, one of the paper's sets is missing or a set cannot
            be read.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from pixmix import readers
        >>> Path("ood").mkdir()
        >>> np.save("ood/noise.npy", np.zeros((3, 32, 32, 3), np.uint8))
        >>> sets = readers.OutlierSets("ood", 32, partial=True)
        >>> sets.names, sets.extra, len(sets.images("noise"))
        ((), ('noise',), 2)
    """

    def __init__(
        self, sets: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]], size: int, *, partial: bool = False
    ) -> None:
        if isinstance(sets, Mapping):
            where, paths = "out-of-distribution sets", {name: Path(path) for name, path in sets.items()}
        else:
            where, paths = str(sets), _entries(Path(sets))
        problems = [f"{name}: missing" for name in BENCHMARK if name not in paths]
        if problems and not isinstance(sets, Mapping) and (packed := archives(Path(sets))):
            problems.insert(0, f"unpack {listed(packed)} first")
        self._sets: dict[str, Outliers] = {}
        for name, path in paths.items():
            try:
                self._sets[name] = open_outliers(path, size)
            except InputError as error:
                problems.append(str(error))
        self.problems = resolve(where, problems, partial)
        """A line for everything that is left out."""
        self.names = tuple(name for name in BENCHMARK if name in self._sets)
        """The paper's sets, over which together with the synthetic ones the mean is taken."""
        self.extra = tuple(name for name in self._sets if name not in BENCHMARK)
        """The other sets."""

    def images(self, name: str) -> Outliers:
        """All images of a set; InputError if there is no such set."""
        if name not in self._sets:
            raise InputError(f"no out-of-distribution set {name}; choose from {', '.join(self._sets) or 'none'}")
        return self._sets[name]


def open_outliers(path: Path, size: int) -> Outliers:
    """Open the images at `path`; those of another size are resized by their shorter side and cropped at the centre.

    Args:
        path: an image folder in any nesting, a `.npy` file, SVHN's `.mat` file or folder, or torchvision's CIFAR.
        size: side of the images in pixels.

    Returns:
        The images with labels −1: (N, size, size, 3) uint8 and (N,), or a sequence of (image, −1).

    Raises:
        InputError: there are no images, or they cannot be read.
    """
    fit = Transform(crop=size, resize=size)
    if os.path.exists(path / SVHN):
        path = path / SVHN
    array = None
    if path.suffix.lower() == ".npy" and os.path.isfile(path):
        array = open_images(path)
    elif path.suffix.lower() == ".mat" and os.path.isfile(path):
        array = _read_svhn(path)
    elif (folder := _cifar_in(path)) is not None:
        array = _read_cifar(folder)
    if array is not None:
        labels = np.full(len(array), -1)
        return (array, labels) if array.shape[1:3] == (size, size) else ArrayImages(array, fit)
    if not os.path.isdir(path):
        raise InputError(f"{path}: not a folder of images, .npy array or .mat file")
    names = list_images(path)
    if not names:
        raise InputError(f"{path}: holds no images")
    inner = [name for name in list_folders(path) if name.lower() in _NO_OUTLIERS]
    if doubtful := [name for name in inner if any(file.startswith(f"{name}/") for file in names)]:
        warn_once(f"{path}: the images in {listed(doubtful)} are taken for outliers, too; remove them if they are not")
    return ImageFiles(path, names, np.full(len(names), -1), fit)


def take(images: Outliers, indices: np.ndarray) -> Outliers:
    """The images of a set at `indices`, (n,) whole numbers, for example from `pixmix.measures.outlier_indices`."""
    if isinstance(images, tuple):
        array, labels = images
        return array[indices], labels[indices]
    return images.take(indices)


def _entries(root: Path) -> dict[str, Path]:
    """The path of each set in a folder, by name."""
    check_root(root)
    if loose := [path.name for path in sorted(root.iterdir()) if is_image(path.name) and path.is_file()]:
        warn_once(
            f"{root}: {counted(len(loose), 'image')} beside the sets left out ({loose[0]}); a set is a folder of images"
        )
    if packed := archives(root):
        warn_once(f"{root}: {listed(packed)} left out; unpack it")
    paths: dict[str, Path] = {}
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or not (path.is_dir() or path.suffix.lower() in (".npy", ".mat")):
            continue
        stem = (path.name if path.is_dir() else path.stem).lower()
        name = _NAMES.get(stem, stem)
        if name in paths:
            raise InputError(f"{root}: {paths[name].name} and {path.name} are both {name}; remove one")
        paths[name] = path
    return paths


def _read_svhn(path: Path) -> np.ndarray:
    """The images of SVHN's file as (N, 32, 32, 3) uint8; in the file N is the last axis."""
    array = read_bytes_array(path, "X", f"fetch SVHN's {SVHN} again")
    if array.ndim != 4 or array.shape[2] != 3 or 0 in array.shape:
        raise InputError(f"{path}: X holds {array.shape}, needed is (H, W, 3, N) uint8")
    return np.ascontiguousarray(array.transpose(3, 0, 1, 2))


def _cifar_in(path: Path) -> Path | None:
    """The folder unpacked by torchvision, which is `path` or in it, if any."""
    return next(
        (
            folder
            for folder in (path, *(path / name for name in CIFAR))
            if folder.name in CIFAR and os.path.isdir(folder)
        ),
        None,
    )


def _read_cifar(folder: Path) -> np.ndarray:
    """CIFAR's test images, (N, 32, 32, 3) uint8; torchvision checks the files' MD5 before it unpickles them."""
    import torchvision.datasets

    kind = getattr(torchvision.datasets, CIFAR[folder.name])
    try:
        return np.asarray(kind(folder.parent, train=False, download=False).data)
    except RuntimeError:
        raise InputError(f"{folder}: not the files of {CIFAR[folder.name]}, or truncated; fetch them again") from None
