"""Where a data set's images lie: in folders with a folder a class, or in shards that they were imported into."""

from __future__ import annotations

from functools import cached_property
from os.path import isdir  # False, too, for what may not be looked at or cannot be a name
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.class_folders import Listing, is_labelled, list_folders
from mixset._store import manifest
from mixset._stored.stored_files import StoredFiles
from mixset._stored.stored_set import ClassNames, StoredSet, by_class, forms, open_stored, stored_parts
from pixmix.readers._classes import class_names, names_and_labels, number_listing

from .listings import list_kept
from .paths import Paths
from .place_names import FOLDER, STORE


class Place:
    """A folder of class folders, or of parts that are; written folder:PATH."""

    prefix, what, labels = FOLDER, "folder", "class folders"
    needs = "it needs train/ and test/ with a folder a class"

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, part: str) -> Place:
        return type(self)(self.path / part)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and (self.prefix, self.path) == (other.prefix, other.path)

    def __hash__(self) -> int:
        return hash((self.prefix, self.path))

    def __str__(self) -> str:
        return f"{self.prefix}{self.path}"

    @property
    def remedy(self) -> str:
        """What to do where it is not what it should be."""
        stored = isdir(self.path) and stored_parts(self.path)
        return f"it is a stored training set: {STORE}{self.path}" if stored else self.needs

    def is_there(self) -> bool:
        """Whether there is such a folder."""
        return isdir(self.path)

    def folders(self) -> list[str]:
        """The names of the folders in it."""
        return list_folders(self.path)

    def is_labelled(self) -> bool:
        """Whether its images have labels."""
        return is_labelled(self.path)

    def listing(self) -> Listing:
        """The images of each class by name."""
        return list_kept(self.path)

    def class_names(self) -> list[str]:
        """The names of its classes in their order."""
        return class_names(self.path)

    def images(self, listing: Listing, numbers: dict[str, int]) -> tuple[Paths | StoredFiles, np.ndarray]:
        """Files and labels, (N,) int64, of a listing's images whose class has a number."""
        names, labels = names_and_labels(listing, numbers)
        return Paths(self.path, names), labels

    def form(self) -> dict[str, Any]:
        """Of each part how its images differ from those they were made of; nothing where they are the same."""
        return {}


class Store(Place):
    """The same as shards; written store:PATH."""

    prefix, what, labels = STORE, "training set", "training set"
    needs = "`mixset import FOLDER OUT --labels` makes one of a folder with train/ and test/"

    @property
    def remedy(self) -> str:
        plain = isdir(self.path) and not stored_parts(self.path)
        return f"it is a plain folder: {FOLDER}{self.path}" if plain else self.needs

    def is_labelled(self) -> bool:
        return (self.path / manifest.NAME).exists() or (self.path / manifest.UNFINISHED).exists()

    @cached_property
    def stored(self) -> StoredSet:
        """The set, opened."""
        return open_stored(self.path)

    def listing(self) -> Listing:
        return by_class(self.stored)

    def class_names(self) -> list[str]:
        listing = self.listing()
        return [*number_listing(listing, where=self, witnesses=[*listing])]

    def images(self, listing: Listing, numbers: dict[str, int]) -> tuple[Paths | StoredFiles, np.ndarray]:
        chosen = {name: files.places for name, files in listing.items() if isinstance(files, ClassNames)}
        chosen = {name: places for name, places in chosen.items() if name in numbers}
        indices = np.concatenate([np.arange(places.start, places.stop) for places in chosen.values()])
        labels = np.repeat([numbers[name] for name in chosen], [len(places) for places in chosen.values()])
        return self.stored.files.take(indices), labels.astype(np.int64)

    def form(self) -> dict[str, Any]:
        return forms(self.path)


def place_of(name: str) -> Place | None:
    """The place in a data set's name; None where it has none."""
    for kind in (Place, Store):
        if name.startswith(kind.prefix):
            return kind(Path(name.removeprefix(kind.prefix)))
    return None


def form_of(name: str) -> dict[str, Any]:
    """`stored`, for results: the form of a data set whose images differ from those they were made of; or nothing."""
    place = place_of(name)
    form = {} if place is None else place.form()
    return {"stored": form} if form else {}
