"""The sets that suites ask for: from the folder a user names to what reads it, and what results say of it."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from mixset._common.errors import InputError

from ..readers import (
    IMAGENET,
    CIFAR10Set,
    CorruptedSet,
    ImageFiles,
    ImageNetSet,
    OpenOODSet,
    OutlierSets,
    PerturbedSet,
    RenditionSet,
    Transform,
)
from ..readers._labels import ClassMap, Known
from ..readers._transforms import of_side
from .outliers import SYNTHETIC
from .set_names import CIFAR10_SETS, COLLECTED

Sourced = CorruptedSet | PerturbedSet | RenditionSet | ImageNetSet | CIFAR10Set
Opened = Sourced | OutlierSets | OpenOODSet


class Reading(NamedTuple):
    """How sets are read, each kind by what concerns it."""

    classes: Known = None
    """The network's, where they are known, for c and cbar in folders; see `readers.CorruptedSet`."""
    class_map: ClassMap | None = None
    """As in `readers.CorruptedSet`."""
    resize: bool = False
    """Whether images of c and cbar are enlarged and cropped before, as in `pixmix.evaluate`."""
    partial: bool = False
    """Whether what is missing is left out, as in `pixmix.evaluate`."""
    robustbench: bool = False
    """Whether of c the images of RobustBench's board of ImageNet alone are kept."""


AS_THEY_ARE = Reading()


def open_sets(sets: Mapping[str, Any], size: tuple[int, int] | None, reading: Reading) -> dict[str, Opened]:
    """Open each set that is named by its folder (out-of-distribution sets also as paths by name).

    Args:
        sets: name out of `KNOWN` → folder, or a set that is opened already, which is left as it is.
        size: (H, W) of the images that the network is for, where it is known. Out-of-distribution sets and ImageNet-R
            are brought to it; those that were made of images of another size are refused.
        reading: how they are read.

    Raises:
        InputError: a set that cannot be read or is of another size.
    """
    opened: dict[str, Opened] = {}
    for name, source in sets.items():
        if name == "ood" and isinstance(source, str | os.PathLike | Mapping):
            if size is None or size[0] != size[1]:
                raise InputError(f"anomalies: square test images are needed, got {size}; open the sets yourself")
            opened[name] = _outlier_sets(source, size[0], reading.partial)
        elif not isinstance(source, str | os.PathLike):
            opened[name] = source
        elif name == "openood":
            opened[name] = OpenOODSet(source, partial=reading.partial)
        elif name == "r" or name in COLLECTED:
            fit = of_side(size[0]) if size is not None and size[0] == size[1] else IMAGENET
            reader = RenditionSet if name == "r" else functools.partial(ImageNetSet, suite=name)
            opened[name] = reader(source, fit=fit, partial=reading.partial)
        else:
            opened[name] = _of_size(name, source, size, reading)
    return opened


def _of_size(
    suite: str, root: Any, size: tuple[int, int] | None, reading: Reading
) -> CorruptedSet | PerturbedSet | CIFAR10Set:
    opened: CorruptedSet | PerturbedSet | CIFAR10Set
    if suite in CIFAR10_SETS:
        opened = CIFAR10Set(root, suite, classes=reading.classes, partial=reading.partial)
        height, width = image_size(next(iter(opened.images.values())))
    elif suite == "p":
        opened = PerturbedSet(root, partial=reading.partial)
        shape = opened.sequences(opened.perturbations[0]).shape
        height, width = shape[-3:-1]
    else:
        side = size[0] if suite == "dcc3" and size is not None and size[0] == size[1] else None
        own = reading._replace(robustbench=reading.robustbench and suite == "c")
        opened = CorruptedSet(root, suite, size=side, **own._asdict())
        first = (*opened.corruptions, *opened.extra)[0]
        height, width = image_size(opened.images(first, opened.severities(first)[0]))
    if size is not None and (height, width) != size:
        remedy = "give those" if suite in CIFAR10_SETS else "make the set of these with `pixmix corrupt`"
        sides = f"{width}x{height} px, the test images have {size[1]}x{size[0]}"
        raise InputError(f"suite {suite}: {root} has images of {sides}; {remedy}")
    return opened


def check_set(name: str, reader: Opened, classes: int | None) -> None:
    """InputError where a set cannot be measured: sequences of one frame, or labels beyond the network's classes."""
    if isinstance(reader, PerturbedSet):
        for perturbation in (*reader.perturbations, *reader.extra):
            if (frames := reader.sequences(perturbation).shape[-4]) < 2:
                raise InputError(f"suite {name}: {perturbation} has {frames} frame; two are needed to compare")
    if isinstance(reader, CorruptedSet) and classes is not None:
        first = (*reader.corruptions, *reader.extra)[0]
        images = reader.images(first, reader.severities(first)[0])
        highest = int((images[1] if isinstance(images, tuple) else images.labels).max())
        if highest >= classes:
            raise InputError(f"suite {name}: {reader.root}: labels run to {highest}, the network has {classes} classes")


def _outlier_sets(source: Any, size: int, partial: bool) -> OutlierSets:
    opened = OutlierSets(source, size, partial=partial)
    taken = sorted({*opened.extra} & {*SYNTHETIC, "mean", "set"})
    if taken:
        raise InputError(f"anomalies: a set called {taken[0]} cannot be told from what results have there; rename it")
    return opened


def image_size(images: Any) -> tuple[int, int]:
    """(H, W) of the images that a reader gives."""
    if isinstance(images, ImageFiles) and isinstance(images.fit, Transform):
        return images.fit.crop, images.fit.crop
    array = images[0] if isinstance(images, tuple) else images[0][0][None]
    return array.shape[1], array.shape[2]


def done_to(images: Any) -> dict[str, Any]:
    """What is done to images in files before they are shown to the network; nothing to those in arrays."""
    return {"transform": vars(images.fit)} if isinstance(images, ImageFiles) else {}


def about_set(reader: Sourced, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What belongs to each number of a suite, and what is said once of its set.

    Each number has `n`, whether the set is "official" or "generated" and with which seed, and where something is left
    out, what and why.
    """
    source = reader.source
    about: dict[str, Any] = {"n": count, "source": source["source"]}
    if "seed" in source:
        about["seed"] = source["seed"]
    if reader.problems:
        about["problems"] = list(reader.problems)
    return about, {**source, "images": count, "problems": list(reader.problems)}
