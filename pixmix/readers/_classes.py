"""Class folders: numbering their classes."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mixset._common.class_folders import (
    ANNOTATIONS as ANNOTATIONS,
    NO_CLASS,
    Listing as Listing,
    below,
    class_order,
    is_labelled as is_labelled,
    list_classes as list_classes,
    list_folders as list_folders,
    list_images as list_images,
    list_labelled as list_labelled,
)
from mixset._common.decoding import SUFFIXES
from mixset._common.errors import InputError

from ._files import Fit, ImageFiles
from ._labels import PARTS, ClassMap, Known, composed, number_classes, part_as_class
from ._problems import listed, warn_once


def class_names(root: Path) -> list[str]:
    """The names of the class folders in `root` in their order, without listing all images.

    Raises:
        InputError: as for `list_classes`; or a class has no image.
    """
    names = class_order([name for name in list_folders(root) if name.lower() not in NO_CLASS])
    first = {name: tuple(islice(below(root / name, SUFFIXES, {}), 1)) for name in names}
    return [*number_listing(first, where=root, witnesses=names)]


def number_listing(
    listing: Listing,
    known: Known = None,
    class_map: ClassMap | None = None,
    *,
    where: object,
    witnesses: Collection[str] = (),
) -> dict[str, int]:
    """The class number of each class that has an image; see `number_classes` for the arguments.

    Raises:
        InputError: as for `number_classes`; or a class without images is not one of the network's, so that leaving it
            out would change the numbers of the others.
    """
    if not any(listing.values()):
        raise InputError(f"{where}: no image in its class folders; it needs a folder for each class")
    expected = {*(class_map or ())}
    if isinstance(known, Sequence):
        expected |= {*map(composed, known), *(composed(name.replace("/", "_")) for name in known)}
    if empty := [name for name, files in listing.items() if not files and not {name, composed(name)} & expected]:
        raise InputError(
            f"{where}: its class {listed(empty)} has no image that can be read; convert its files, or remove the folder"
        )
    names = [name for name, files in listing.items() if files or name in (class_map or ())]
    if not isinstance(known, Sequence) and not class_map:
        _warn_nested(listing, where)
    return number_classes(names, known, class_map, where=where, witnesses=witnesses)


def _warn_nested(listing: Listing, where: object) -> None:
    """Warn if class folders hold folders of images, which may be the intended classes.

    Raises:
        InputError: such a class is named like a part of a data set, for example `seg_train` or `test_set`.
    """
    inner = {name: sorted({file.rpartition("/")[0] for file in files}) for name, files in listing.items()}
    nested = [name for name, folders in inner.items() if len(folders) > 1 and name not in folders]
    if not nested:
        return
    if parts := [name for name in nested if {*re.findall("[a-z]+", name.lower())} & {*PARTS}]:
        raise part_as_class(parts, where)
    warn_once(
        f"{where}: {len(nested):,} of {len(listing):,} class folders hold folders of images, which are taken for that "
        f"class ({listed(inner[nested[0]], 2)}); if those are the classes, move them up"
    )


def names_and_labels(listing: Listing, numbers: Mapping[str, int]) -> tuple[list[str], np.ndarray]:
    """The images of all classes that have a number, and their labels, (N,) int64."""
    classes = [name for name in listing if name in numbers]
    labels = np.repeat([numbers[name] for name in classes], [len(listing[name]) for name in classes])
    return [file for name in classes for file in listing[name]], labels.astype(np.int64)


def read_class_folders(
    root: str | os.PathLike[str], fit: Fit, *, classes: Known = None, class_map: ClassMap | None = None
) -> ImageFiles:
    """Read a folder with a folder for each class, such as ImageNet's sorted validation set or ImageNetV2.

    Args:
        root: the folder that holds the class folders, or Tiny ImageNet's val/.
        fit: the transform of each image, for example `IMAGENET`.
        classes: the network's classes, as a sequence of names or their number; default: the folders in their order.
            See `number_classes`.
        class_map: class folder → number or name of its class; see `read_class_map`.

    Returns:
        A sequence of (image, label).

    Raises:
        InputError: there is no such folder, it has no images, or the labels cannot be determined.
    """
    path = Path(root)
    listing = list_labelled(path)
    numbers = number_listing(listing, classes, class_map, where=path)
    return ImageFiles(path, *names_and_labels(listing, numbers), fit)
