"""Which class each image is of, and how many there should be: ImageNet's development kit, Places365's lists."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixset._common.class_folders import class_order
from mixset._common.errors import InputError, reading
from mixset._common.regular import read_regular

from .archives import Archive

_TEXT_BYTES = 1 << 28
META, TRUTH = "meta.mat", "ILSVRC2012_validation_ground_truth.txt"
"""Files of ImageNet's development kit."""
CATEGORIES, VALIDATION, TRAINING = "categories_places365.txt", "places365_val.txt", "places365_train_standard.txt"
"""Files of Places365's lists."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What is known of a data set before its images are unpacked."""

    val: Mapping[str, str] = field(default_factory=dict)
    """Name of a test image, without its folder → the folder of its class."""
    train: Mapping[str, int] = field(default_factory=dict)
    """Folder of a class → how many training images it has; empty where it is not known."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The folders of all classes, in the order of their numbers."""
        return tuple(class_order({*self.train, *self.val.values()}))


def imagenet_val(number: int) -> str:
    """The name of ImageNet's test image, counted from 1."""
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def read_devkit(path: Path) -> Labels:
    """The labels in `ILSVRC2012_devkit_t12.tar.gz`: WordNet ids by the numbers that its list of labels has.

    Raises:
        InputError: it is damaged, or lacks one of the two.
    """
    found = _texts(path, (META, TRUTH))
    what = f"archive {path}"
    with reading(what, "fetch it again"):
        # SciPy can crash on damaged files; this one is whole, by the archive's checksum.
        from scipy.io import loadmat

        table: Any = loadmat(io.BytesIO(found[META]), squeeze_me=True)["synsets"].reshape(-1)
        leaves = [row for row in table if int(row["num_children"]) == 0]
        wnids = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in leaves}
        counts = {str(row["WNID"]): int(row["num_train_images"]) for row in leaves}
        numbers = [int(word) for word in found[TRUTH].split()]
        val = {imagenet_val(index): wnids[number] for index, number in enumerate(numbers, 1)}
        return Labels(val=val, train=counts)


def read_synset_labels(path: Path) -> Labels:
    """Labels of ImageNet's test images in a text file with a line for each, its WordNet id.

    Raises:
        InputError: it cannot be read, or a line has another form.
    """
    with reading(str(path), "fetch it again"):
        lines = read_regular(path, _TEXT_BYTES).decode("ascii").split()
    for number, line in enumerate(lines, 1):
        if not (len(line) == 9 and line[0] == "n" and line[1:].isdigit()):
            raise InputError(f"{path}, line {number}: needs the WordNet id of a test image's class, has {line[:40]}")
    if not lines:
        raise InputError(f"{path}: holds no labels")
    return Labels(val={imagenet_val(index): wnid for index, wnid in enumerate(lines, 1)})


def read_filelist(path: Path) -> Labels:
    """The labels in `filelist_places365-standard.tar`.

    Raises:
        InputError: it is damaged, or folders would number the classes otherwise than its authors' networks do.
    """
    found = _texts(path, (CATEGORIES, VALIDATION, TRAINING))
    with reading(f"archive {path}", "fetch it again"):
        names = [places_class(name.split("/")[2:]) for name, _ in _pairs(found[CATEGORIES])]
        numbers = [number for _, number in _pairs(found[CATEGORIES])]
        val = {name: names[numbers.index(number)] for name, number in _pairs(found[VALIDATION])}
        train = Counter(places_class(name.split("/")[2:-1]) for name, _ in _pairs(found[TRAINING]))
    if class_order(names) != [name for _, name in sorted(zip(numbers, names, strict=True))]:
        raise InputError(f"archive {path}: {CATEGORIES} does not number the classes in their names' order")
    return Labels(val=val, train={name: train[name] for name in names})


def places_class(parts: Sequence[str]) -> str:
    """The folder of one of Places365's classes, such as `arena-hockey` of arena/hockey, as its easy format has it."""
    if not parts:
        raise ValueError("a class has no name")
    return "-".join(parts)


def _pairs(text: bytes) -> list[tuple[str, int]]:
    """The lines NAME NUMBER of a text."""
    words = [line.rsplit(" ", 1) for line in text.decode().splitlines() if line.strip()]
    return [(name.strip(), int(number)) for name, number in words]


def _texts(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Some files of an archive, by their names without folders; it is read to its end."""
    found: dict[str, bytes] = {}
    with Archive(path) as archive:
        for step in archive.steps():
            if step.member is not None and (name := step.member.parts[-1]) in names:
                if step.member.size > _TEXT_BYTES:
                    raise InputError(f"archive {path}: {name} is larger than {_TEXT_BYTES >> 20} MiB; fetch it again")
                found[name] = b"".join(step.member.content())
    if lost := [name for name in names if name not in found]:
        raise InputError(f"archive {path}: has no {lost[0]}; fetch it again")
    return found
