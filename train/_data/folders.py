"""Data sets in folders: which part is for training and which for testing, and the labelled images of a part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os.path import isdir  # False, too, for what may not be looked at or cannot be a name
from pathlib import Path

from mixset._common.decoding import read_image
from mixset._common.errors import InputError
from pixmix.readers._classes import (
    Listing,
    class_names,
    is_labelled,
    list_folders,
    names_and_labels,
    number_listing,
)
from pixmix.readers._labels import ClassMap, Known, number_classes
from pixmix.readers._problems import warn_once

from .labelled import IN_MEMORY, LabelledImages
from .listings import list_kept
from .paths import Paths

Network = Callable[[int], Known]
"""What a network that takes images of this side says of its classes: their names, or how many there are."""
TESTS = ("test", "val", "valid", "validation")
"""Where a data set's labelled test images may be; the first of these before the others."""


def train_folder(root: Path) -> Path:
    """The folder with the class folders of the training images; InputError where there is none."""
    if not isdir(root / "train"):
        raise InputError(f"folder:{root}: has no folder train/; it needs train/ and test/ with a folder a class")
    return root / "train"


def test_folder(root: Path, *, alone: bool = True) -> Path:
    """The folder with the class folders of the test images: `test/`, or else `val/`, `valid/` or `validation/`.

    A test/ without class folders, such as ImageNet's, has no labels and is passed over.

    Args:
        alone: whether `root` itself may be that folder, where it has none of these.

    Raises:
        InputError: there is none, or several without a test/.
    """
    there = [name for name in TESTS if isdir(root / name)]
    labelled = [name for name in there if is_labelled(root / name)]
    if labelled:
        if len(labelled) > 1 and labelled[0] != TESTS[0]:
            one = f"folder:{root / labelled[0]}"
            raise InputError(f"folder:{root}: has {_listed(labelled)}; give the one to test on, such as {one}")
        others = [name for name in _visible(root) if name not in ("train", labelled[0])]
        if others:
            warn_once(f"folder:{root}: {labelled[0]}/ is tested on, {_listed(others)} left out")
        return root / labelled[0]
    if there:
        raise InputError(f"folder:{root}: has no class folders in {_listed(there)}, so their images have no labels")
    if not alone:
        raise InputError(f"folder:{root}: has no folder test/; it needs train/ and test/ with a folder a class")
    if not isdir(root) or (not is_labelled(root)) or list_folders(root) == ["train"]:
        raise InputError(f"folder:{root}: has no test/ with a folder a class, and no class folders itself")
    return root


def _visible(root: Path) -> list[str]:
    """The folders in `root`, those that may be parts first."""
    return sorted(list_folders(root), key=lambda name: (name not in TESTS, name))


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(f"{name}/" for name in parts)


def read_training(root: Path, size: int | None) -> tuple[tuple[str, ...], LabelledImages, LabelledImages]:
    """Classes, training and test images of a folder; they are at `size`, or at the first one's own.

    Raises:
        InputError: a part is missing or cannot be read, or labels cannot be known.
    """
    train, test = train_folder(root), test_folder(root, alone=False)
    of_train, of_test = list_kept(train), list_kept(test)
    numbers = number_listing(of_train, where=f"folder:{train}", witnesses=of_test)
    if len(numbers) < 2:
        raise InputError(f"folder:{root}: train/ has {len(numbers)} class folders; it needs at least two")
    classes = tuple(numbers)
    tested = number_listing(of_test, classes, where=f"folder:{test}")
    size = size or own_size(train, of_train)
    return classes, labelled(train, of_train, numbers, size), labelled(test, of_test, tested, size)


def read_test(
    root: Path, size: int | None, network: Network | None, class_map: ClassMap | None
) -> tuple[tuple[str, ...], LabelledImages]:
    """Classes by number, and the test images of a folder that may be one of class folders alone; raises as above."""
    part = test_folder(root)
    listing = list_kept(part)
    size = size or own_size(part, listing)
    known = network(size) if network is not None else None
    if isinstance(known, Sequence):
        numbers = number_listing(listing, known, class_map, where=f"folder:{part}")
        return tuple(known), labelled(part, listing, numbers, size)
    if part != root and isdir(root / "train"):  # the training classes are the network's, where it has no names
        trained = class_names(root / "train")
        indices = number_listing(listing, trained, where=f"folder:{part}")
        of_trained = number_classes(trained, known, class_map, where=f"folder:{root / 'train'}", witnesses=listing)
        numbers = {name: of_trained[trained[index]] for name, index in indices.items() if trained[index] in of_trained}
    else:
        numbers = of_trained = number_listing(listing, known, class_map, where=f"folder:{part}")
    return names_by_number(of_trained), labelled(part, listing, numbers, size)


def labelled(part: Path, listing: Listing, numbers: Mapping[str, int], size: int) -> LabelledImages:
    """The images of a listing whose class has a number."""
    names, labels = names_and_labels(listing, numbers)
    return LabelledImages(labels, size, files=Paths(part, names))


def names_by_number(numbers: Mapping[str, int]) -> tuple[str, ...]:
    """Names of classes by number; of a number without a class the number itself."""
    names = {number: name for name, number in [*numbers.items()][::-1]}
    return tuple(names.get(number, str(number)) for number in range(max(names) + 1))


def own_size(part: Path, listing: Listing) -> int:
    """Side of the first image where it is held in memory, else 224."""
    first = next((file for files in listing.values() for file in files), None)
    if first is None:
        raise InputError(f"folder:{part}: no image in its class folders; it needs a folder for each class")
    side = min(read_image(part / first).shape[:2])
    return side if side <= IN_MEMORY else 224
