"""Training data: the data sets by name, as uint8 images with labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from os.path import isdir
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mixset._common.errors import InputError
from mixset._common.normalisation import HALF, IMAGENET_MEAN, IMAGENET_STD
from pixmix.readers._classes import list_folders, number_listing
from pixmix.readers._labels import REMEDY, ClassMap, number_classes

from .folders import Network, labelled, names_by_number, read_test, read_training, test_folder, train_folder
from .labelled import IN_MEMORY, LabelledImages, TrainingData, Uint8, read_all
from .listings import list_kept
from .places import Place, place_of
from .sources import joined
from .unreadable import Broken, Unreadable, put_others


def load_data(
    name: str,
    *,
    size: int | None = None,
    folder: Path = Path("data"),
    subset: int | None = None,
    test_subset: int | None = None,
    skip_broken: bool = False,
) -> TrainingData:
    """The data set called `name`.

    Args:
        name: digits, cifar10, cifar100, fashionmnist, folder:PATH or store:PATH.
        size: side in pixels; None takes the data set's own (32, or as the folder's images are).
        folder: where torchvision keeps what it downloads.
        subset, test_subset: how many images of training and of test, the first of each class; None takes all.
        skip_broken: in the place of a training image that is held in memory and cannot be read put the next one.

    Raises:
        InputError: an unknown name, a missing folder, an image that cannot be read, no network to download from, a
            subset that there is not.
    """
    place = place_of(name)
    data = _named(name, size, folder) if place is None else _folder(place, size, skip_broken)
    train, test = _first(data.train, subset, "subset"), _first(data.test, test_subset, "test_subset")
    train, broken = _loaded(train, skip_broken)
    return replace(data, train=train, test=test.loaded(), broken=broken)


def _loaded(images: LabelledImages, skip: bool) -> tuple[LabelledImages, tuple[Broken, ...]]:
    """Training images in memory where they are small, and those among them in whose place are others."""
    unreadable = Unreadable(skip=skip)
    images = images.loaded(unreadable.note)
    if images.array is None or not unreadable.lines:
        return images, ()
    labels = images.labels.copy()
    broken = put_others(images.array, labels, unreadable.lines)
    return LabelledImages(labels, images.size, array=images.array), broken


def load_test(
    name: str,
    *,
    size: int | None = None,
    folder: Path = Path("data"),
    subset: int | None = None,
    network: Network | None = None,
    class_map: ClassMap | None = None,
    download: bool = True,
) -> tuple[tuple[str, ...], LabelledImages]:
    """Classes by number and test images of the data set called `name`; other arguments and errors as of `load_data`.

    A folder is read without its training images, and needs none: it may also be one of class folders alone.

    Args:
        network: for labels that are the numbers of its classes. By default they are the data set's own.
        class_map: class → number or name of the network's class, see `pixmix.readers.read_class_map`.
        download: into `folder`, what is not there; False where a file named it, which is no leave to write there.

    Raises:
        InputError: also where labels cannot be known.
    """
    if (place := place_of(name)) is not None:
        classes, test = read_test(place, size, network, class_map)
    else:
        data = _named(name, size, folder, download)
        classes, test = _numbered(data, data.test, network, class_map)
    return classes, _first(test, subset, "test_subset").loaded()


def load_training(
    name: str,
    *,
    size: int | None = None,
    folder: Path = Path("data"),
    subset: int | None = None,
    network: Network | None = None,
    class_map: ClassMap | None = None,
    download: bool = True,
) -> LabelledImages:
    """The training images of the data set called `name`, as they are; arguments and errors as of `load_test`.

    Of a folder they are those in its train/, or else those in its own class folders.
    """
    if (place := place_of(name)) is not None:
        part = place / "train"
        train = read_test(part if part.is_there() else place, size, network, class_map)[1]
    else:
        data = _named(name, size, folder, download)
        train = _numbered(data, data.train, network, class_map)[1]
    return _first(train, subset, "subset").loaded()


def _numbered(
    data: TrainingData, images: LabelledImages, network: Network | None, class_map: ClassMap | None
) -> tuple[tuple[str, ...], LabelledImages]:
    """The network's classes, and images of a named data set labelled by their numbers."""
    known = network(data.size) if network is not None else None
    if class_map is None and known in (None, len(data.classes)):
        return data.classes, images  # in the order in which everybody numbers them
    if class_map is None and isinstance(known, int):
        raise InputError(f"{data.name}: has {len(data.classes)} classes, the network {known:,}; {REMEDY}")
    numbers = number_classes(data.classes, known, class_map, where=data.name)
    return names_by_number(numbers), images.numbered([numbers.get(name, -1) for name in data.classes])


def check_name(name: str) -> None:
    """InputError where there can be no training data of that name; reads no image."""
    if (place := place_of(name)) is not None:
        train_folder(place)
        test_folder(place, alone=False)
    elif name not in DATASETS:
        raise InputError(f"dataset {name}: unknown; use {', '.join(DATASETS)}, folder:PATH or store:PATH")


def _named(name: str, size: int | None, folder: Path, download: bool = True) -> TrainingData:
    check_name(name)
    return DATASETS[name](size or 32, folder, download)


def _first(images: LabelledImages, count: int | None, option: str) -> LabelledImages:
    return images if count is None else images.first(count, option)


def _digits(size: int, folder: Path, download: bool) -> TrainingData:
    """scikit-learn's 1,797 handwritten digits of 8 x 8, half of each class for testing."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    # Every second image of a class: the writers come in blocks, so both halves have some of each.
    position = np.zeros(len(labels), np.int64)
    for digit in range(10):
        position[labels == digit] = np.arange((labels == digit).sum())
    halves = [
        LabelledImages(labels[position % 2 == half], size, array=_resized(grey[position % 2 == half], size))
        for half in (0, 1)
    ]
    return TrainingData(
        name="digits", classes=tuple("0123456789"), train=halves[0], test=halves[1], flip=False, fit=_resize
    )


def _torchvision(dataset: str, title: str) -> Callable[[int, Path, bool], TrainingData]:
    def load(size: int, folder: Path, download: bool) -> TrainingData:
        import torchvision.datasets

        kind = getattr(torchvision.datasets, dataset)
        halves = []
        for train in (True, False):
            try:
                part = kind(folder, train=train, download=False)
            except RuntimeError:
                if not download:
                    raise InputError(
                        f"{title} is not in {folder}, the folder that the run's config.json names; to have it "
                        f"downloaded, say so: `data_folder` {folder}"
                    ) from None
                part = _download(kind, folder, train, title)
            images = np.asarray(part.data)
            labels = np.asarray(part.targets, np.int64)
            halves.append(LabelledImages(labels, size, array=_resized(images, size)))
        return TrainingData(
            name=dataset.lower(), classes=tuple(part.classes), train=halves[0], test=halves[1], fit=_resize
        )

    return load


def _download(kind: Callable, folder: Path, train: bool, title: str) -> Any:
    print(f"{title} is not in {folder}: downloading it", file=sys.stderr)
    try:
        return kind(folder, train=train, download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            f"{title} is not in {folder} and cannot be downloaded ({reason}); put its files there, or name the folder "
            "that has them: `data_folder`"
        ) from None


def _resized(images: Uint8, size: int) -> Uint8:
    """(N, h, w[, 3]) uint8 as (N, size, size, 3): grey to RGB, 28 px padded to 32, other sizes scaled bicubically."""
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=3)
    height, width = images.shape[1:3]
    if (height, width) == (28, 28) and size == 32:
        return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    if (height, width) == (size, size):
        return np.ascontiguousarray(images)
    scaled = [np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC)) for p in images]
    return np.stack(scaled)


def _resize(image: Uint8, size: int) -> Uint8:
    return _resized(image[None], size)[0]


def _folder(root: Place, size: int | None, skip_broken: bool) -> TrainingData:
    classes, train, test = read_training(root, size, Unreadable(skip=skip_broken).note)
    mean, std = (HALF, HALF) if train.size <= IN_MEMORY else (IMAGENET_MEAN, IMAGENET_STD)
    name = root.path.resolve().name
    return TrainingData(name=name, classes=classes, train=train, test=test, mean=mean, std=std, stored=root.form())


def with_copies(data: TrainingData, path: Path, *, skip_broken: bool = False) -> TrainingData:
    """A data set whose training images are followed by altered copies of them; each keeps its class.

    The copies are brought to size and kept in memory or in their files as the data set's own images are. A class may
    have any number of copies, also none.

    Args:
        data: what to add to.
        path: has a folder a class (a / in a class's name is _ in its folder's), itself or within train/.
        skip_broken: as of `load_data`.

    Raises:
        InputError: no such folder, a folder that is no class, no image at all, a broken one among those that are
            kept in memory.
    """
    folder_names = [name.replace("/", "_") for name in data.classes]
    root = path / "train" if _has_train(path, folder_names) else path
    if not isdir(root):
        raise InputError(f"copies {path}: no such folder; it needs a folder a class with altered copies in it")
    listing = list_kept(root)
    copies = labelled(Place(root), listing, number_listing(listing, data.classes, where=f"copies {root}"), data.size)
    own = data.train
    labels = np.concatenate([own.labels, copies.labels])
    if own.array is None:
        return replace(data, train=LabelledImages(labels, own.size, files=joined(own.files, copies.files)))
    unreadable = Unreadable(skip=skip_broken)
    array = np.concatenate([own.array, read_all(copies.files, own.size, data.fit, unreadable.note)])
    lines = {each.image: each.line for each in data.broken}
    lines |= {len(own) + index: line for index, line in unreadable.lines.items()}
    broken = put_others(array, labels, lines)
    return replace(data, train=LabelledImages(labels, own.size, array=array), broken=broken)


def _has_train(path: Path, classes: Collection[str]) -> bool:
    """Whether train/ in a folder of copies holds the class folders; CIFAR-100 also has a class of that name."""
    inner = path / "train"
    return isdir(inner) and ("train" not in classes or any(name in classes for name in list_folders(inner)))


DATASETS: dict[str, Callable[[int, Path, bool], TrainingData]] = {
    "digits": _digits,
    "cifar10": _torchvision("CIFAR10", "CIFAR-10"),
    "cifar100": _torchvision("CIFAR100", "CIFAR-100"),
    "fashionmnist": _torchvision("FashionMNIST", "Fashion-MNIST"),
}
