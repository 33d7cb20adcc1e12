"""Training data: the data sets by name, as uint8 pictures with labels."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mixset.errors import InputError
from mixset.pictures import list_pictures

from .pictures import HALF, IMAGENET_MEAN, IMAGENET_STD, IN_MEMORY, Pictures, TrainingData, Uint8, read, read_all


def load_data(
    name: str,
    *,
    size: int | None = None,
    folder: Path = Path("data"),
    subset: int | None = None,
    test_subset: int | None = None,
) -> TrainingData:
    """The data set called `name`.

    Args:
        name: digits, cifar10, cifar100, fashionmnist, or folder:PATH.
        size: side in pixels; None takes the data set's own (32, or as the folder's pictures are).
        folder: where torchvision keeps what it downloads.
        subset, test_subset: how many pictures of training and of test, the first of each class; None takes all.

    Raises:
        InputError: an unknown name, a missing folder, a picture that cannot be read, no network to download from, a
            subset that there is not.
    """
    if name.startswith("folder:"):
        data = _folder(Path(name.removeprefix("folder:")), size)
    else:
        data = _named(name, size, folder)
    train, test = _first(data.train, subset, "--subset"), _first(data.test, test_subset, "--test-subset")
    return replace(data, train=train.loaded(), test=test.loaded())


def load_test(
    name: str, *, size: int | None = None, folder: Path = Path("data"), subset: int | None = None
) -> tuple[tuple[str, ...], Pictures]:
    """Classes and test pictures of the data set called `name`; arguments and errors as of `load_data`.

    A folder is read without its training pictures, and needs none: it may also be one of class folders alone.
    """
    if not name.startswith("folder:"):
        data = _named(name, size, folder)
        return data.classes, _first(data.test, subset, "--test-subset")
    root = Path(name.removeprefix("folder:"))
    part = test_folder(root)
    classes = tuple(_subfolders(root / "train" if part != root and (root / "train").is_dir() else part))
    files, labels = _class_folders(part, classes)
    test = Pictures(labels, size or _own_size(files[0]), files=files)
    return classes, _first(test, subset, "--test-subset").loaded()


def check_name(name: str) -> None:
    """InputError where there can be no training data of that name; reads no picture."""
    if name.startswith("folder:"):
        root = Path(name.removeprefix("folder:"))
        for part in ("train", "test"):
            if not (root / part).is_dir():
                line = f"folder:{root}: has no folder {part}/; it needs train/ and test/ with a folder a class"
                raise InputError(line)
    elif name not in DATASETS:
        raise InputError(f"DATASET {name}: unknown; use {', '.join(DATASETS)} or folder:PATH")


def _named(name: str, size: int | None, folder: Path) -> TrainingData:
    check_name(name)
    return DATASETS[name](size or 32, folder)


def _first(pictures: Pictures, count: int | None, option: str) -> Pictures:
    return pictures if count is None else pictures.first(count, option)


def test_folder(root: Path) -> Path:
    """The folder with the class folders of a folder's test pictures: its test/ or, without one, itself."""
    if (root / "test").is_dir():
        return root / "test"
    if not root.is_dir() or _subfolders(root) in ([], ["train"]):
        raise InputError(f"folder:{root}: has no test/ with a folder a class, and no class folders itself")
    return root


def _digits(size: int, folder: Path) -> TrainingData:
    """scikit-learn's 1,797 handwritten digits of 8 x 8, half of each class for testing."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    # Every second picture of a class: the writers come in blocks, so both halves have some of each.
    position = np.zeros(len(labels), np.int64)
    for digit in range(10):
        position[labels == digit] = np.arange((labels == digit).sum())
    halves = [
        Pictures(labels[position % 2 == half], size, array=_resized(grey[position % 2 == half], size))
        for half in (0, 1)
    ]
    return TrainingData(
        name="digits", classes=tuple("0123456789"), train=halves[0], test=halves[1], flip=False, fit=_resize
    )


def _torchvision(dataset: str, title: str) -> Callable[[int, Path], TrainingData]:
    def load(size: int, folder: Path) -> TrainingData:
        import torchvision.datasets

        kind = getattr(torchvision.datasets, dataset)
        halves = []
        for train in (True, False):
            try:
                part = kind(folder, train=train, download=False)
            except RuntimeError:
                part = _download(kind, folder, train, title)
            pictures = np.asarray(part.data)
            labels = np.asarray(part.targets, np.int64)
            halves.append(Pictures(labels, size, array=_resized(pictures, size)))
        return TrainingData(
            name=dataset.lower(), classes=tuple(part.classes), train=halves[0], test=halves[1], fit=_resize
        )

    return load


def _download(kind: Callable, folder: Path, train: bool, title: str):
    print(f"{title} is not in {folder}: downloading it", file=sys.stderr)
    try:
        return kind(folder, train=train, download=True)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            f"{title} is not in {folder} and cannot be downloaded ({reason}); put its files there or use --data PATH"
        ) from None


def _resized(pictures: Uint8, size: int) -> Uint8:
    """(N, h, w[, 3]) uint8 as (N, size, size, 3): grey to RGB, 28 px padded to 32, other sizes scaled bicubically."""
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[..., None], 3, axis=3)
    height, width = pictures.shape[1:3]
    if (height, width) == (28, 28) and size == 32:
        return np.pad(pictures, ((0, 0), (2, 2), (2, 2), (0, 0)))
    if (height, width) == (size, size):
        return np.ascontiguousarray(pictures)
    scaled = [np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC)) for p in pictures]
    return np.stack(scaled)


def _resize(picture: Uint8, size: int) -> Uint8:
    return _resized(picture[None], size)[0]


def _folder(root: Path, size: int | None) -> TrainingData:
    check_name(f"folder:{root}")
    classes = tuple(_subfolders(root / "train"))
    if len(classes) < 2:
        raise InputError(f"folder:{root}: train/ has {len(classes)} class folders; it needs at least two")
    unknown = sorted(set(_subfolders(root / "test")) - set(classes))
    if unknown:
        raise InputError(f"folder:{root}: test/ has the class {unknown[0]} that train/ lacks")
    train, test = (_class_folders(root / part, classes) for part in ("train", "test"))
    size = size or _own_size(train[0][0])
    name = root.resolve().name
    halves = [Pictures(labels, size, files=files) for files, labels in (train, test)]
    mean, std = (HALF, HALF) if size <= IN_MEMORY else (IMAGENET_MEAN, IMAGENET_STD)
    return TrainingData(name=name, classes=classes, train=halves[0], test=halves[1], mean=mean, std=std)


def _own_size(file: Path) -> int:
    side = min(read(file).shape[:2])
    return side if side <= IN_MEMORY else 224


def with_copies(data: TrainingData, path: Path) -> TrainingData:
    """A data set whose training pictures are followed by altered copies of them; each keeps its class.

    The copies are brought to size and kept in memory or in their files as the data set's own pictures are. A class may
    have any number of copies, also none.

    Args:
        data: what to add to.
        path: has a folder a class (a / in a class's name is _ in its folder's), itself or within train/.

    Raises:
        InputError: no such folder, a folder that is no class, no picture at all, a broken one among those that are
            kept in memory.
    """
    labels_of = {name.replace("/", "_"): label for label, name in enumerate(data.classes)}
    root = path / "train" if _has_train(path, labels_of) else path
    if not root.is_dir():
        raise InputError(f"--copies {path}: no such folder; it needs a folder a class with altered copies in it")
    unknown = [name for name in _subfolders(root) if name not in labels_of]
    if unknown:
        known = ", ".join(list(labels_of)[:3])
        raise InputError(f"--copies {root}: {unknown[0]} is no class of {data.name}, whose classes are {known}, ...")
    files, labels = _class_folders(root, list(labels_of))
    own = data.train
    labels = np.concatenate([own.labels, labels])
    if own.array is None:
        train = Pictures(labels, own.size, files=[*own.files, *files])
    else:
        train = Pictures(labels, own.size, array=np.concatenate([own.array, read_all(files, own.size, data.fit)]))
    return replace(data, train=train)


def _has_train(path: Path, classes: Collection[str]) -> bool:
    """Whether train/ in a folder of copies holds the class folders; CIFAR-100 also has a class of that name."""
    inner = path / "train"
    return inner.is_dir() and ("train" not in classes or any(name in classes for name in _subfolders(inner)))


def _subfolders(root: Path) -> list[str]:
    return sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _class_folders(root: Path, classes: Sequence[str]) -> tuple[list[Path], NDArray[np.int64]]:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = list_pictures(root / name)
        files += found
        labels += [label] * len(found)
    if not files:
        raise InputError(f"{root}: holds no pictures in its class folders")
    return files, np.array(labels, np.int64)


DATASETS: dict[str, Callable[[int, Path], TrainingData]] = {
    "digits": _digits,
    "cifar10": _torchvision("CIFAR10", "CIFAR-10"),
    "cifar100": _torchvision("CIFAR100", "CIFAR-100"),
    "fashionmnist": _torchvision("FashionMNIST", "Fashion-MNIST"),
}
