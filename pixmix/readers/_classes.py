"""Class folders: which images are in them, and which class each belongs to."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from mixset._common.decoding import SUFFIXES
from mixset._common.errors import InputError, reading, reason

from ._files import Fit, ImageFiles
from ._labels import PARTS, ClassMap, Known, class_order, composed, number_classes, part_as_class
from ._problems import listed, tell

Listing = Mapping[str, tuple[str, ...]]
"""Class → names of its files below the folder of the set; both in their order."""
ANNOTATIONS = "val_annotations.txt"
"""Tiny ImageNet's val/ has this file beside images/: in each line a file's name, a tab and its class."""
_NO_CLASS = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
"""Folders that operating systems leave in others."""
_NAMES = "txt csv tsv json jsonl xml yaml yml md mat db ini lock html"
_COMPANIONS = frozenset("." + name for name in _NAMES.split())
"""Suffixes of files that lie beside images and are none."""


def list_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted, hidden ones left out.

    Raises:
        InputError: there is no such folder, it cannot be read, or a link in it leads nowhere.
    """
    return sorted(entry.name for entry in _entries(root, root) if entry.is_dir())


def list_classes(root: Path, suffixes: Collection[str] = SUFFIXES) -> Listing:
    """The files with such suffixes in each class folder of `root`, at any depth; of empty ones there are none.

    What lies beside the class folders and is no class is said.

    Raises:
        InputError: no such folder, one in it that cannot be read or is a class twice, an image that is no file.
    """
    names, beside, left = [], [], []
    for entry in _entries(root, root):
        if not entry.is_dir():
            beside += [entry.name] if _has_suffix(entry.name, suffixes) else []
        elif entry.name.lower() in _NO_CLASS:
            left.append(entry.name)
        else:
            names.append(entry.name)
    if beside and not names:
        raise InputError(
            f"{root}: holds {len(beside):,} images and no class folders, so they have no labels; sort them into a "
            "folder for each class"
        )
    if beside:
        tell(f"{root}: {len(beside):,} images beside the class folders left out ({listed(sorted(beside), 1)})")
    if left:
        tell(f"{root}: {listed(sorted(left))} left out: no class")
    taken: dict[tuple[int, int], Path] = {_identity(root): root}
    for name in class_order(names):
        path, identity = root / name, _identity(root / name)
        if identity in taken:
            raise InputError(f"{path}: is the same folder as {taken[identity]}, under two names; leave one there")
        taken[identity] = path
    return {
        name: tuple(f"{name}/{file}" for file in sorted(_below(root / name, suffixes, taken), key=_parts))
        for name in class_order(names)
    }


def list_images(root: Path, suffixes: Collection[str] = SUFFIXES) -> list[str]:
    """The names of all files below `root` with such suffixes, in the order of their paths; raises as `list_classes`."""
    return sorted(_below(root, suffixes, {}), key=_parts)


def list_labelled(root: Path) -> Listing:
    """The images of each class, where `root` has a folder a class or the layout of Tiny ImageNet's val.

    Raises InputError as `list_classes`, or for damaged annotations.
    """
    if os.path.isfile(root / ANNOTATIONS) and os.path.isdir(root / "images"):
        return _annotated(root)
    return list_classes(root)


def class_names(root: Path) -> list[str]:
    """The names of the class folders in `root` in their order, known without listing all their images.

    Raises:
        InputError: as `list_classes`, or one has no image.
    """
    names = class_order([name for name in list_folders(root) if name.lower() not in _NO_CLASS])
    first = {name: tuple(islice(_below(root / name, SUFFIXES, {}), 1)) for name in names}
    return [*number_listing(first, where=root, witnesses=names)]


def is_labelled(root: Path) -> bool:
    """Whether there are class folders in `root`, or what else `list_labelled` reads."""
    return os.path.isfile(root / ANNOTATIONS) or any(
        name != "images" and name.lower() not in _NO_CLASS for name in list_folders(root)
    )


def number_listing(
    listing: Listing,
    known: Known = None,
    class_map: ClassMap | None = None,
    *,
    where: object,
    witnesses: Collection[str] = (),
) -> dict[str, int]:
    """The class number of each class in a listing that has an image, by `number_classes`.

    Raises:
        InputError: as there; or a class without an image is none of those known by name, so that it would count.
    """
    if not any(listing.values()):
        raise InputError(f"{where}: no image in its class folders; it needs a folder for each class")
    expected = {*(class_map or ())}
    if isinstance(known, Sequence):
        expected |= {*map(composed, known), *(composed(name.replace("/", "_")) for name in known)}
    if empty := [name for name, files in listing.items() if not files and not {name, composed(name)} & expected]:
        raise InputError(
            f"{where}: its class {listed(empty)} has no image that can be read; convert what is there, or take the "
            "folder away"
        )
    names = [name for name, files in listing.items() if files or name in (class_map or ())]
    if not isinstance(known, Sequence) and not class_map:
        _tell_nested(listing, where)
    return number_classes(names, known, class_map, where=where, witnesses=witnesses)


def _tell_nested(listing: Listing, where: object) -> None:
    """Say that class folders hold folders of images, which may be the classes that are meant.

    Raises:
        InputError: one of them is called after a part of a data set, such as `seg_train` or `test_set`.
    """
    inner = {name: sorted({file.rpartition("/")[0] for file in files}) for name, files in listing.items()}
    nested = [name for name, folders in inner.items() if len(folders) > 1 and name not in folders]
    if not nested:
        return
    if parts := [name for name in nested if {*re.findall("[a-z]+", name.lower())} & {*PARTS}]:
        raise part_as_class(parts, where)
    tell(
        f"{where}: {len(nested):,} of {len(listing):,} class folders hold folders of images, which are taken for that "
        f"class ({listed(inner[nested[0]], 2)}); where those are the classes, move them up"
    )


def names_and_labels(listing: Listing, numbers: Mapping[str, int]) -> tuple[list[str], np.ndarray]:
    """The images of a listing whose class has a number, and (N,) these numbers."""
    kept = [name for name in listing if name in numbers]
    labels = np.repeat([numbers[name] for name in kept], [len(listing[name]) for name in kept])
    return [file for name in kept for file in listing[name]], labels.astype(np.int64)


def read_class_folders(
    root: str | os.PathLike[str], fit: Fit, *, classes: Known = None, class_map: ClassMap | None = None
) -> ImageFiles:
    """The images of a folder with a folder for each class, such as ImageNet's sorted validation set or ImageNetV2.

    Args:
        fit: `transforms.IMAGENET`, or another.
        classes: the network's classes: their names by number or how many there are; by default the folders', in their
            order. See `labels.number_classes`.
        class_map: class folder → number or name of its class, see `labels.read_class_map`.

    Raises:
        InputError: no folder, no image in its class folders, or labels that cannot be known.
    """
    path = Path(root)
    listing = list_labelled(path)
    numbers = number_listing(listing, classes, class_map, where=path)
    return ImageFiles(path, *names_and_labels(listing, numbers), fit)


def _annotated(root: Path) -> dict[str, tuple[str, ...]]:
    path = root / ANNOTATIONS
    images = {*list_images(root / "images")}
    found: dict[str, list[str]] = {}
    with reading(str(path), "fetch Tiny ImageNet again"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            words = line.split("\t")
            if len(words) < 2 or words[0] not in images:
                raise InputError(f"{path}, line {number}: names no image in images/, with a tab and its class")
            images.remove(words[0])
            found.setdefault(words[1], []).append(f"images/{words[0]}")
    if images:
        raise InputError(f"{path}: has no class for {len(images):,} images ({listed(sorted(images), 1)})")
    return {name: tuple(sorted(found[name])) for name in class_order(found)}


def _entries(folder: Path, root: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, hidden names left out; a link to nothing is refused."""
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        remedy = "give the folder of the set" if folder == root else "make it readable or take it out of the set"
        raise InputError(f"{folder}: {reason(error).lower()}; {remedy}") from None
    for entry in entries:
        if entry.is_symlink() and not os.path.exists(entry.path):
            raise InputError(f"{entry.path}: is a link to nothing; mend it or take it out of the set")
    return entries


def _below(folder: Path, suffixes: Collection[str], taken: Mapping[tuple[int, int], Path]) -> Iterator[str]:
    """The files below a folder, named from there; links to folders above lead nowhere new."""
    seen = {_identity(folder)}
    unread: Counter[str] = Counter()
    todo = [""]
    while todo:
        prefix = todo.pop()
        for entry in _entries(folder / prefix, folder.parent):
            if entry.is_dir():
                identity = _identity(Path(entry.path))
                if entry.name.lower() in _NO_CLASS or identity in seen:
                    continue
                if identity in taken:
                    if taken[identity] in folder.parents:
                        continue
                    raise InputError(f"{entry.path}: is the class folder {taken[identity]}, too; leave one there")
                seen.add(identity)
                todo.append(f"{prefix}{entry.name}/")
            elif _has_suffix(entry.name, suffixes):
                if not entry.is_file():
                    raise InputError(f"{entry.path}: is not a file but a pipe or device; take it out of the set")
                yield prefix + entry.name
            elif not _has_suffix(entry.name, _COMPANIONS):
                unread[os.path.splitext(entry.name)[1].lower() or "without a suffix"] += 1
    if unread:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(unread.items()))
        tell(f"{folder}: files left out whose suffix says no image that is read ({kinds}); convert images among them")


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = os.stat(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: {reason(error).lower()}; give the folder of the set") from None
    return status.st_dev, status.st_ino


def _has_suffix(name: str, suffixes: Collection[str]) -> bool:
    return os.path.splitext(name)[1].lower() in suffixes


def _parts(name: str) -> list[str]:
    return name.split("/")
