"""Data sets in folders: which part is for training and which for testing, and the labelled images of a part."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

from mixset._common.class_folders import Listing
from mixset._common.decoding import read_image
from mixset._common.errors import InputError
from pixmix.readers._classes import number_listing
from pixmix.readers._labels import ClassMap, Known, number_classes
from pixmix.readers._problems import warn_once

from .labelled import IN_MEMORY, LabelledImages, Note
from .places import Place
from .unreadable import NEXT, ending

Network = Callable[[int], Known]
"""What a network that takes images of this side says of its classes: their names, or how many there are."""
TESTS = ("test", "val", "valid", "validation")
"""Where a data set's labelled test images may be; the first of these before the others."""


def train_folder(root: Place) -> Place:
    """The folder with the class folders of the training images; InputError where there is none."""
    if not (root / "train").is_there():
        raise InputError(f"{root}: has no {root.what} train/; {root.remedy}")
    return root / "train"


def test_folder(root: Place, *, alone: bool = True) -> Place:
    """The folder with the class folders of the test images: `test/`, or else `val/`, `valid/` or `validation/`.

    A test/ without class folders, such as ImageNet's, has no labels and is passed over.

    Args:
        alone: whether `root` itself may be that folder, where it has none of these.

    Raises:
        InputError: there is none, or several without a test/.
    """
    there = [name for name in TESTS if (root / name).is_there()]
    labelled = [name for name in there if (root / name).is_labelled()]
    if labelled:
        if len(labelled) > 1 and labelled[0] != TESTS[0]:
            one = root / labelled[0]
            raise InputError(f"{root}: has {_listed(labelled)}; give the one to test on, such as {one}")
        others = [name for name in _visible(root) if name not in ("train", labelled[0])]
        if others:
            warn_once(f"{root}: {labelled[0]}/ is tested on, {_listed(others)} left out")
        return root / labelled[0]
    if there:
        raise InputError(
            f"{root}: has no {root.labels} in {_listed(there)}, so their images have no labels; {root.remedy}"
        )
    if not alone:
        raise InputError(f"{root}: has no {root.what} test/; {root.remedy}")
    if not root.is_there() or (not root.is_labelled()) or root.folders() == ["train"]:
        raise InputError(f"{root}: has no test/ with a folder a class, and no class folders itself; {root.remedy}")
    return root


def _visible(root: Place) -> list[str]:
    """The folders in `root`, those that may be parts first."""
    return sorted(root.folders(), key=lambda name: (name not in TESTS, name))


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(f"{name}/" for name in parts)


def read_training(root: Place, size: int | None, note: Note) -> tuple[tuple[str, ...], LabelledImages, LabelledImages]:
    """Classes, training and test images of a folder; they are at `size`, or at the first one's own.

    Args:
        note: called with each image at the beginning that cannot be read, and the error, before the next is tried.

    Raises:
        InputError: a part is missing or cannot be read, or labels cannot be known.
    """
    train, test = train_folder(root), test_folder(root, alone=False)
    of_train, of_test = train.listing(), test.listing()
    numbers = number_listing(of_train, where=train, witnesses=of_test)
    if len(numbers) < 2:
        raise InputError(f"{root}: train/ has {len(numbers)} class folders; it needs at least two")
    classes = tuple(numbers)
    tested = number_listing(of_test, classes, where=test)
    size = size or own_size(train, of_train, note)
    return classes, labelled(train, of_train, numbers, size), labelled(test, of_test, tested, size)


def read_test(
    root: Place, size: int | None, network: Network | None, class_map: ClassMap | None
) -> tuple[tuple[str, ...], LabelledImages]:
    """Classes by number, and the test images of a folder that may be one of class folders alone; raises as above."""
    part = test_folder(root)
    listing = part.listing()
    size = size or own_size(part, listing)
    known = network(size) if network is not None else None
    if isinstance(known, Sequence):
        numbers = number_listing(listing, known, class_map, where=part)
        return tuple(known), labelled(part, listing, numbers, size)
    if part != root and (root / "train").is_there():  # the training classes are the network's, where it has no names
        trained = (root / "train").class_names()
        indices = number_listing(listing, trained, where=part)
        of_trained = number_classes(trained, known, class_map, where=root / "train", witnesses=listing)
        numbers = {name: of_trained[trained[index]] for name, index in indices.items() if trained[index] in of_trained}
    else:
        numbers = of_trained = number_listing(listing, known, class_map, where=part)
    return names_by_number(of_trained), labelled(part, listing, numbers, size)


def labelled(part: Place, listing: Listing, numbers: dict[str, int], size: int) -> LabelledImages:
    """The images of a listing whose class has a number."""
    files, labels = part.images(listing, numbers)
    return LabelledImages(labels, size, files=files)


def names_by_number(numbers: Mapping[str, int]) -> tuple[str, ...]:
    """Names of classes by number; of a number without a class the number itself."""
    names = {number: name for name, number in [*numbers.items()][::-1]}
    return tuple(names.get(number, str(number)) for number in range(max(names) + 1))


def own_size(part: Place, listing: Listing, note: Note | None = None) -> int:
    """Side of the first image where it is held in memory, else 224; `note` as of `read_all`."""
    lines = []
    each = ((name, place) for name, names in listing.items() for place in range(len(names)))
    for number, (name, place) in enumerate(itertools.islice(each, 1 + NEXT)):
        files, _ = part.images({name: listing[name][place : place + 1]}, {name: 0})
        try:
            side = min(read_image(files[0]).shape[:2])
        except InputError as error:
            if note is None:
                raise
            note(number, error)
            lines.append(str(error))
            continue
        return side if side <= IN_MEMORY else 224
    if lines:
        raise ending(lines[0], skip=True)
    raise InputError(f"{part}: no image in its class folders; it needs a folder for each class")
