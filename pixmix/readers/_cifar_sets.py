"""Reading CIFAR-10.1, CIFAR-10.2 and CINIC-10: images of CIFAR-10's classes that were collected anew."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mixset._common.arrays import unpack_arrays
from mixset._common.errors import InputError, reading
from mixset._common.seals import read_sealed
from mixset._common.zips import zip_members

from ._arrays import open_images, open_labels
from ._classes import list_classes
from ._files import ImageFiles
from ._labels import Known, composed
from ._members import archives, check_root
from ._problems import listed, resolve
from ._transforms import Transform

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""CIFAR-10's classes in their order."""
SIDE = 32
"""Of all these images, in pixels."""
VERSIONS = {"v6": 2_000, "v4": 2_021}
"""CIFAR-10.1's versions, the recommended one first, and their numbers of images."""
CIFAR10_2_IMAGES = 2_000
CINIC_IMAGES, CINIC_SHIFTED = 90_000, 70_000
"""In CINIC-10's test/, and those of them that are not CIFAR-10's."""
_TITLES = {"cifar10_1": "CIFAR-10.1", "cifar10_2": "CIFAR-10.2", "cinic10": "CINIC-10"}

Images = tuple[np.ndarray, np.ndarray] | ImageFiles
"""(N, 32, 32, 3) uint8 with (N,) labels, or a sequence of (image, label)."""


class CIFAR10Set:
    """A set of images of CIFAR-10's classes in the layout of its archive, all images counted.

    - `cifar10_1`, CIFAR-10.1: `cifar10.1_v6_data.npy` and `..._labels.npy`, 2,000 images; where only version 4 is
      there, its 2,021.
    - `cifar10_2`, CIFAR-10.2: `cifar102_test.npz`, 2,000 images.
    - `cinic10`, CINIC-10: `test/CLASS/*.png`, 90,000 images. It contains all of CIFAR-10's test set and a part of its
      training set, in files named `cifar...`; these are the variant `cifar`, and ImageNet's 70,000 `imagenet`.

    Args:
        root: the folder of the files, or the repository that has them in `datasets/`; of cinic10 also `test/` itself.
        suite: "cifar10_1", "cifar10_2" or "cinic10".
        classes: the names of the network's classes; default: CIFAR-10's in their order.
        partial: leave out whatever is missing or unknown and list it in `problems`, instead of raising.

    Raises:
        InputError: there is no such set, it is damaged, or its classes are not the network's; or, without `partial`,
            the number of images is another.

    Example:
        >>> import numpy as np
        >>> from pixmix import readers
        >>> np.save("cifar10.1_v6_data.npy", np.zeros((2000, 32, 32, 3), np.uint8))
        >>> np.save("cifar10.1_v6_labels.npy", np.repeat(np.arange(10), 200))
        >>> images, labels = readers.CIFAR10Set(".", "cifar10_1").images[""]
        >>> images.shape, labels.shape
        ((2000, 32, 32, 3), (2000,))
    """

    def __init__(
        self, root: str | os.PathLike[str], suite: str, *, classes: Known = None, partial: bool = False
    ) -> None:
        if suite not in _TITLES:
            raise InputError(f"suite {suite}: not a suite of CIFAR-10's classes; choose one of {', '.join(_TITLES)}")
        self.root, self.suite = Path(root), suite
        check_root(self.root)
        self._numbers = _numbers(classes if isinstance(classes, Sequence) else CIFAR10, suite)
        self.source = {"source": "official"}
        """Where the set is from, and of CIFAR-10.1 the version, for results."""
        self.images: dict[str, Images]
        """Variant → images; a set that has no variants has one called ""."""
        if suite == "cinic10":
            self.images, problems = self._read_cinic()
        else:
            images, names, problems = self._read_again() if suite == "cifar10_1" else self._read_second()
            numbers = np.array([self._numbers[name] for name in names])
            self.images = {"": (images[0], numbers[images[1]])}
        self.problems = resolve(self.root, problems, partial)
        """A line for everything that is left out."""

    def _read_again(self) -> tuple[tuple[np.ndarray, np.ndarray], Sequence[str], list[str]]:
        """CIFAR-10.1's images and labels, the names that the labels count, and faults."""
        places = [self.root, self.root / "datasets"]
        there = [(place, version) for version in VERSIONS for place in places if _data(place, version).exists()]
        if not there:
            raise InputError(f"{self.root}: has no {_data(self.root, 'v6').name}; give CIFAR-10.1's folder")
        place, version = there[0]
        self.source = {"source": "official", "version": version}
        labels = place / f"cifar10.1_{version}_labels.npy"
        if not labels.exists():
            raise InputError(f"{place}: {labels.name} is missing; put it beside the images")
        images, numbers = open_images(_data(place, version)), open_labels(labels)
        return _checked(labels, images, numbers), CIFAR10, _counted(len(images), VERSIONS[version], self.suite)

    def _read_second(self) -> tuple[tuple[np.ndarray, np.ndarray], Sequence[str], list[str]]:
        """CIFAR-10.2's, as `_read_again`."""
        places = [self.root / "cifar102_test.npz", self.root / "datasets" / "cifar102_test.npz"]
        path = next((place for place in places if place.exists()), None)
        if path is None:
            raise InputError(f"{self.root}: has no cifar102_test.npz; give CIFAR-10.2's folder")
        with reading(str(path), "fetch it again"):
            members = zip_members(read_sealed(path, str(path), "fetch it again")[0])
            # Of the other members some are Python objects, which are never unpickled.
            arrays = unpack_arrays({name: members[f"{name}.npy"] for name in ("images", "labels")})
        names = _label_names(members, path)
        images = arrays["images"]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise InputError(f"{path}: images holds {images.dtype} {images.shape}, needed is (N, 32, 32, 3) uint8")
        return _checked(path, images, arrays["labels"]), names, _counted(len(images), CIFAR10_2_IMAGES, self.suite)

    def _read_cinic(self) -> tuple[dict[str, Images], list[str]]:
        folder = self.root / "test" if os.path.isdir(self.root / "test") else self.root
        listing = list_classes(folder)
        problems = [f"{name}/: unknown class" for name in listing if name not in CIFAR10]
        problems += [f"{name}/: missing" for name in CIFAR10 if not listing.get(name)]
        if problems and (packed := archives(self.root)):
            problems.insert(0, f"unpack {listed(packed)} first")
        found: dict[str, tuple[list[str], list[int]]] = {"cifar": ([], []), "imagenet": ([], [])}
        for name in CIFAR10:
            for file in listing.get(name, ()):
                of = "cifar" if file.rpartition("/")[2].startswith("cifar") else "imagenet"
                found[of][0].append(file)
                found[of][1].append(self._numbers[name])
        problems += _counted(sum(len(files) for files, _ in found.values()), CINIC_IMAGES, self.suite)
        if not problems and len(found["imagenet"][0]) != CINIC_SHIFTED:
            problems.append(f"{len(found['imagenet'][0]):,} images of ImageNet's, CINIC-10 has {CINIC_SHIFTED:,}")
        images: dict[str, Images] = {
            of: ImageFiles(folder, files, np.array(labels), Transform(crop=SIDE))
            for of, (files, labels) in found.items()
            if files
        }
        if not images:
            raise InputError(f"{self.root}: has no test/ with CINIC-10's classes; give its folder")
        return images, problems


def _numbers(classes: Sequence[str], suite: str) -> dict[str, int]:
    """The numbers that the network gives to CIFAR-10's classes."""
    numbers = {composed(name): number for number, name in enumerate(classes)}
    if absent := [name for name in CIFAR10 if name not in numbers]:
        raise InputError(
            f"suite {suite}: a network of CIFAR-10's classes is needed, and this one has no {listed(absent)}"
        )
    return {name: numbers[name] for name in CIFAR10}


def _data(place: Path, version: str) -> Path:
    return place / f"cifar10.1_{version}_data.npy"


def _counted(count: int, expected: int, suite: str) -> list[str]:
    return [] if count == expected else [f"{count:,} images, {_TITLES[suite]} has {expected:,}"]


def _checked(path: Path, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images and (N,) int64 labels below ten."""
    if images.shape[1:3] != (SIDE, SIDE):
        raise InputError(f"{path}: images of {images.shape[2]}x{images.shape[1]} px, needed are {SIDE}x{SIDE}")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise InputError(f"{path}: {len(images):,} images need as many labels, got {labels.dtype} {labels.shape}")
    if not len(labels) or labels.min() < 0 or labels.max() >= len(CIFAR10):
        raise InputError(f"{path}: labels must be 0 to {len(CIFAR10) - 1}")
    return images, labels.astype(np.int64)


def _label_names(members: Mapping[str, bytes], path: Path) -> Sequence[str]:
    """The classes in the order that CIFAR-10.2's file says, or CIFAR-10's where it says so in Python objects."""
    with reading(str(path), "fetch it again"):
        try:
            names = unpack_arrays({"label_names": members["label_names.npy"]})["label_names"].tolist()
        except (KeyError, ValueError):
            return CIFAR10
    if sorted(names) != sorted(CIFAR10):
        raise InputError(f"{path}: label_names are {listed(list(map(str, names)))}, needed are CIFAR-10's classes")
    return names
