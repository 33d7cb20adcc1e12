"""Class folders: the images of each class, in the order in which data sets number them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

from .decoding import SUFFIXES
from .errors import InputError, counted, reading, reason
from .warned import listed, warn_once

Listing = Mapping[str, Sequence[str]]
"""Class → the names of its files, relative to the set's folder; classes and files are sorted."""
ANNOTATIONS = "val_annotations.txt"
"""The file beside images/ in Tiny ImageNet's val/: each line has a file name, a tab and its class."""
NO_CLASS = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"}
"""Folders that operating systems and file servers create."""
_NAMES = "txt csv tsv json jsonl xml yaml yml md mat db ini lock html"
_COMPANIONS = frozenset("." + name for name in _NAMES.split())
"""Suffixes of files that often accompany images."""


def class_order(names: Collection[str]) -> list[str]:
    """Sort class names: by value if all are numbers, else as strings."""
    return sorted(names, key=lambda name: (int(name), name)) if are_numbers(names) else sorted(names)


def are_numbers(names: Collection[str]) -> bool:
    """Whether all names are whole numbers, and there are any."""
    return bool(names) and all(re.fullmatch("[0-9]+", name) for name in names)


def list_folders(root: Path) -> list[str]:
    """The names of the folders in `root`, sorted, without hidden ones.

    Raises:
        InputError: there is no such folder, it cannot be read, or it holds a broken link.
    """
    return sorted(entry.name for entry in _entries(root, root) if entry.is_dir())


def list_classes(
    root: Path, suffixes: Collection[str] = SUFFIXES, looked_at: Callable[[Path], object] = bool
) -> dict[str, tuple[str, ...]]:
    """The files with these suffixes in each class folder of `root`, at any depth; empty folders have none.

    Images beside the class folders and folders that are not classes are left out, with a line on stderr.

    Args:
        looked_at: called with each folder before it is read.

    Raises:
        InputError: there is no such folder; one in it cannot be read or is reached under two class names; or an
            image is not a file.
    """
    names, beside, ignored = [], [], []
    looked_at(root)
    for entry in _entries(root, root):
        if not entry.is_dir():
            beside += [entry.name] if _has_suffix(entry.name, suffixes) else []
        elif entry.name.lower() in NO_CLASS:
            ignored.append(entry.name)
        else:
            names.append(entry.name)
    if beside and not names:
        raise InputError(
            f"{root}: holds {counted(len(beside), 'image')} and no class folders, so there are no labels; sort them "
            "into a folder for each class"
        )
    if beside:
        warn_once(
            f"{root}: {counted(len(beside), 'image')} beside the class folders left out ({listed(sorted(beside), 1)})"
        )
    if ignored:
        warn_once(f"{root}: {listed(sorted(ignored))} left out: not a class")
    folders: dict[tuple[int, int], Path] = {_identity(root): root}
    for name in class_order(names):
        path, identity = root / name, _identity(root / name)
        if identity in folders:
            raise InputError(f"{path}: is the same folder as {folders[identity]}, under two names; remove one")
        folders[identity] = path
    return {
        name: tuple(f"{name}/{file}" for file in sorted(below(root / name, suffixes, folders, looked_at), key=_parts))
        for name in class_order(names)
    }


def list_images(root: Path) -> list[str]:
    """The names of all image files below `root`, sorted by path; raises as `list_classes`."""
    return sorted(below(root, SUFFIXES, {}), key=_parts)


def list_labelled(root: Path, looked_at: Callable[[Path], object] = bool) -> Listing:
    """The images of each class, in class folders or the layout of Tiny ImageNet's val/.

    Args:
        looked_at: called with each folder, where there are class folders, before it is read.

    Raises:
        InputError: as for `list_classes`; or the annotations are damaged.
    """
    if os.path.isfile(root / ANNOTATIONS) and os.path.isdir(root / "images"):
        return _annotated(root)
    return list_classes(root, looked_at=looked_at)


def is_labelled(root: Path) -> bool:
    """Whether `root` has class folders or the layout of Tiny ImageNet's val/."""
    return os.path.isfile(root / ANNOTATIONS) or any(
        name != "images" and name.lower() not in NO_CLASS for name in list_folders(root)
    )


def _annotated(root: Path) -> dict[str, tuple[str, ...]]:
    path = root / ANNOTATIONS
    images = {*list_images(root / "images")}
    by_class: dict[str, list[str]] = {}
    with reading(str(path), "fetch Tiny ImageNet again"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            words = line.split("\t")
            if len(words) < 2 or words[0] not in images:
                raise InputError(f"{path}, line {number}: needs an image in images/, a tab and its class")
            images.remove(words[0])
            by_class.setdefault(words[1], []).append(f"images/{words[0]}")
    if images:
        raise InputError(f"{path}: has no class for {counted(len(images), 'image')} ({listed(sorted(images), 1)})")
    return {name: tuple(sorted(by_class[name])) for name in class_order(by_class)}


def _entries(folder: Path, root: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, without hidden ones; raises InputError for a broken link."""
    try:
        with os.scandir(folder) as scan:
            entries = [entry for entry in scan if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        remedy = "give the folder of the set" if folder == root else "make it readable or remove it from the set"
        raise InputError(f"{folder}: {reason(error).lower()}; {remedy}") from None
    for entry in entries:
        if entry.is_symlink() and not os.path.exists(entry.path):
            raise InputError(f"{entry.path}: is a broken link; repair it or remove it from the set")
    return entries


def below(
    folder: Path,
    suffixes: Collection[str],
    classes: Mapping[tuple[int, int], Path],
    looked_at: Callable[[Path], object] = bool,
) -> Iterator[str]:
    """Yield the files below a folder, relative to it; links to parent folders are not followed.

    Args:
        folder: where to look.
        suffixes: only files with these.
        classes: all class folders by identity, none of which may be reached through another.
        looked_at: called with each folder before it is read.
    """
    visited = {_identity(folder)}
    unread: Counter[str] = Counter()
    todo = [""]
    while todo:
        prefix = todo.pop()
        looked_at(folder / prefix)
        for entry in _entries(folder / prefix, folder.parent):
            if entry.is_dir():
                identity = _identity(Path(entry.path))
                if entry.name.lower() in NO_CLASS or identity in visited:
                    continue
                if identity in classes:
                    if classes[identity] in folder.parents:
                        continue
                    raise InputError(f"{entry.path}: is the class folder {classes[identity]}, too; remove one")
                visited.add(identity)
                todo.append(f"{prefix}{entry.name}/")
            elif _has_suffix(entry.name, suffixes):
                if not entry.is_file():
                    raise InputError(f"{entry.path}: is not a file but a pipe or device; remove it from the set")
                yield prefix + entry.name
            elif not _has_suffix(entry.name, _COMPANIONS):
                unread[os.path.splitext(entry.name)[1].lower() or "without a suffix"] += 1
    if unread:
        kinds = ", ".join(f"{count:,} {suffix}" for suffix, count in sorted(unread.items()))
        warn_once(f"{folder}: files without an image's suffix left out ({kinds}); convert any images among them")


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
