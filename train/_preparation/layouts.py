"""Where each member of an archive goes: ImageNet and Places365 as class folders, the sets in their own layouts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from mixset._common.errors import InputError
from pixmix.readers._openood import LISTS
from pixmix.readers._openood_lists import BENCHMARKS, read_list

from .labels import Labels, places_class

Place = Callable[[tuple[str, ...]], str | None]
"""From the parts of a member's name to its path in the folder; None for what is left out."""


class Layout(NamedTuple):
    """How the archives of a data set are unpacked."""

    place: Place
    nested: Callable[[str], bool] = lambda name: False
    """Whether a member is a tar archive whose members count in its place."""
    known: Collection[str] | None = None
    """The folders that the data set has; None where that is known of its images alone."""


_WNID = r"n[0-9]{8}"
_PART = re.compile(rf"({_WNID})_[0-9]+\.JPEG")
_CLASS = re.compile(rf"({_WNID})\.tar")
_VAL = re.compile(r"ILSVRC2012_val_[0-9]{8}\.JPEG")
_PLACES_VAL = re.compile(r"Places365_val_[0-9]{8}\.jpg")
_IMAGE = re.compile(r"[^.].*\.(jpg|jpeg|png)", re.IGNORECASE)


def imagenet(labels: Labels, only: Collection[str] | None = None) -> Layout:
    """ImageNet's as `train/WNID/` and `val/WNID/`.

    Args:
        labels: of the test images.
        only: WordNet ids; by default all classes.
    """

    def place(parts: tuple[str, ...]) -> str | None:
        name = parts[-1]
        if match := _PART.fullmatch(name):
            return f"train/{match[1]}/{name}" if only is None or match[1] in only else None
        if not _VAL.fullmatch(name):
            return None
        if not labels.val:
            raise InputError(
                f"{name}: its class is not known; give ILSVRC2012_devkit_t12.tar.gz, too, or a text file with the "
                "WordNet ids of the test images, a line each"
            )
        if name not in labels.val:
            raise InputError(f"{name}: there are labels of {len(labels.val):,} test images only; fetch them again")
        wnid = labels.val[name]
        return f"val/{wnid}/{name}" if only is None or wnid in only else None

    def nested(name: str) -> bool:
        match = _CLASS.fullmatch(name)
        return match is not None and (only is None or match[1] in only)

    return Layout(place, nested)


def places365(labels: Labels) -> Layout:
    """Places365's as `train/CLASS/` and `val/CLASS/`, of the easy format or of the archives with lists."""

    def place(parts: tuple[str, ...]) -> str | None:
        top, name = parts[0], parts[-1]
        if not _IMAGE.fullmatch(name):
            return None
        if top == "places365_standard" and len(parts) == 4 and parts[1] in ("train", "val"):
            return "/".join(parts[1:])
        if top.startswith("data_") and len(parts) > 3:
            return f"train/{places_class(parts[2:-1])}/{name}"
        if not _PLACES_VAL.fullmatch(name):
            return None
        if name not in labels.val:
            raise InputError(f"{name}: its class is not known; give filelist_places365-standard.tar, too")
        return f"val/{labels.val[name]}/{name}"

    return Layout(place)


def below(depth: int, suffixes: Collection[str], known: Collection[str]) -> Layout:
    """A set in class folders, whatever folders its archives have around it.

    Args:
        depth: how many folders an image has above it, as in CORRUPTION/SEVERITY/CLASS/IMAGE.
        suffixes: of its files, in small letters.
        known: the uppermost of these folders.
    """

    def place(parts: tuple[str, ...]) -> str | None:
        name = parts[-1]
        if len(parts) <= depth or name.startswith(".") or name.rpartition(".")[2].lower() not in suffixes:
            return None
        return "/".join(parts[-depth - 1 :])

    return Layout(place, known=known)


def openood(out: Path, archive: Path) -> Layout:
    """OpenOOD's lists as they are, and the images of a zip where the lists look for them.

    Args:
        out: has the lists already, where the archive is one of images.
        archive: named as OpenOOD names it, such as ninco.zip.
    """
    stem = archive.name.partition(".")[0]
    folder = _image_folder(out, stem)

    def place(parts: tuple[str, ...]) -> str | None:
        if parts[0] == LISTS:
            return "/".join(parts) if parts[-1].endswith(".txt") else None
        if not _IMAGE.fullmatch(parts[-1]):
            return None
        if folder is None:
            raise InputError(f"archive {archive}: no list of {LISTS} names images of {stem}/")
        return "/".join((folder, stem, *(parts[1:] if parts[0] == stem else parts)))

    return Layout(place)


def _image_folder(out: Path, stem: str) -> str | None:
    """The folder in which the images of a data set lie, by the lists that name them."""
    for benchmark in BENCHMARKS.values():
        for about in (*benchmark.lists.values(), benchmark.training):
            path = out / LISTS / benchmark.name / about.name
            if path.exists() and any(name.startswith(f"{stem}/") for name in read_list(path).names):
                return about.folder
    return None
