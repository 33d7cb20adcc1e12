"""Labels: from the names of class folders to the numbers of a network's classes, by one function for all readers."""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from mixset._common.errors import InputError, reading
from mixset._common.regular import open_regular

from ._problems import listed, tell

Known = Sequence[str] | int | None
"""What is known of a network's classes: their names by number, how many there are, or nothing."""
ClassMap = Mapping[str, str]
"""Class folder → number or name of its class, or `LEFT_OUT`."""
LEFT_OUT = "-"
PARTS = ("train", "training", "test", "testing", "val", "valid", "validation", "images")
"""Folders of these names are parts of a data set; as classes they need a witness."""
REMEDY = "give a class map: --classes FILE (class_map=)"
_MAP_BYTES = 1 << 24


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The folder names of ImageNet's 1,000 classes, sorted: the place is the class number."""
    return tuple(json.loads((resources.files(__package__) / "imagenet_classes.json").read_text("utf-8"))["wnids"])


def class_order(names: Collection[str]) -> list[str]:
    """Names of classes in their order: by value where all are numbers, else as strings."""
    return sorted(names, key=lambda name: (int(name), name)) if _are_numbers(names) else sorted(names)


def number_classes(
    folders: Sequence[str],
    known: Known = None,
    class_map: ClassMap | None = None,
    *,
    where: object,
    witnesses: Collection[str] = (),
) -> dict[str, int]:
    """The class number of each folder; those that the class map leaves out are not in the result.

    The class map comes first. For what it does not name:

    - where the network's classes are known by name, folders go by name (`_` stands for `/`), and folders that are
      numbers by number;
    - where only the number of classes is known, folders that are numbers go by number, ImageNet's wnids by ImageNet's
      numbers if there are 1,000 classes, and others by rank if there are as many;
    - where nothing is known, by rank.

    What is certain enough to be measured, but not to be kept quiet, is said on stderr.

    Args:
        folders: their names, in the order of classes (`class_order`).
        known: the network's classes.
        class_map: see `read_class_map`.
        where: the set, for messages.
        witnesses: names that another part of the data set holds as classes, too: they may be called as in `PARTS`.

    Raises:
        InputError: the labels cannot be known, or the class map does not fit.
    """
    _tell_alike(folders, where)
    found = _by_map(folders, known, class_map, where) if class_map else {}
    rest = [name for name in folders if name not in found]
    if rest:
        if class_map and not isinstance(known, Sequence):
            raise InputError(f"{where}: the class map lacks the class folder {listed(rest)}; add a line for each")
        found |= _without_map(rest, known, where, witnesses)
    numbers = {name: found[name] for name in folders if found[name] >= 0}
    if not numbers:
        raise InputError(f"{where}: the class map leaves every class folder out")
    tell_absent(numbers.values(), known, where)
    return numbers


def renumber(
    labels: np.ndarray, names: Sequence[str], known: Known, class_map: ClassMap | None, *, where: object
) -> np.ndarray:
    """(N,) labels of classes with these names by the numbers of the network's classes, or as they are.

    Raises:
        InputError: as `number_classes`; or some labels have no name, or the class map leaves some out.
    """
    class_map = applied(class_map, names)
    if not names or (known is None and not class_map):
        return labels
    if labels.max() >= len(names):
        raise InputError(f"{where}: has the label {labels.max()} and names {len(names):,} classes; make the set again")
    by_rank = isinstance(known, int) and not class_map
    there = [*names] if by_rank else [names[label] for label in np.unique(labels)]
    numbers = number_classes(there, known, applied(class_map, there), where=where, witnesses=names)
    if left := [name for name in there if name not in numbers]:
        raise InputError(f"{where}: arrays keep {listed(left)}; leave it out with `pixmix corrupt --classes`")
    return np.array([numbers.get(name, 0) for name in names])[labels]


def applied(class_map: ClassMap | None, names: Collection[str]) -> ClassMap | None:
    """The class map where it names any of these, of several sets one is measured on."""
    return class_map if class_map and {*class_map} & {*names} else None


def _without_map(names: Sequence[str], known: Known, where: object, witnesses: Collection[str]) -> dict[str, int]:
    if isinstance(known, Sequence):
        return _by_name(names, known, where)
    if known is not None and _are_numbers(names):
        return _by_number(names, known, where)
    if known is not None and {*names} & {*imagenet_wnids()} and known == len(imagenet_wnids()):
        return _by_name(names, imagenet_wnids(), where)
    parts = [name for name in names if name.lower() in PARTS and name not in witnesses]
    if parts:
        raise part_as_class(parts, where)
    if known is not None and len(names) != known:
        raise InputError(
            f"{where}: has {len(names):,} class folders, the network {known:,} classes without names, so labels "
            f"cannot be known; {REMEDY}"
        )
    values = {int(name) for name in names} if _are_numbers(names) else names
    if len(values) < len(names):
        raise InputError(f"{where}: two class folders are the same number ({listed(names)}); rename or merge them")
    if len(names) == 1:
        tell(f"{where}: has one class, {names[0]}; an error over one class says little")
    elif known is not None:
        tell(
            f"{where}: the network does not name its classes, so folders are numbered by their order ({names[0]} is 0, "
            f"{names[-1]} {known - 1})"
        )
    return {name: number for number, name in enumerate(names)}


def part_as_class(parts: Sequence[str], where: object) -> InputError:
    """The error that class folders are named as parts of a data set."""
    return InputError(
        f"{where}: {listed(parts)}/ would be a class: it is named as a part of a data set; give the folder that has a "
        f"folder a class, such as {where}/{parts[0]}, or where it is a class {REMEDY}"
    )


def _by_name(names: Sequence[str], classes: Sequence[str], where: object) -> dict[str, int]:
    indices = {composed(name.replace("/", "_")): number for number, name in enumerate(classes)}
    indices |= {composed(name): number for number, name in enumerate(classes)}
    unknown = [name for name in names if composed(name) not in indices]
    if not unknown:
        return {name: indices[composed(name)] for name in names}
    if _are_numbers(names):
        if not _are_numbers(classes):
            return _by_number(names, len(classes), where)
        values = {int(name): number for number, name in enumerate(classes)}
        if len(values) == len(classes) and {int(name) for name in names} <= values.keys():
            return _distinct({name: values[int(name)] for name in names}, where)
    absent = [name for name in classes if name not in names and name.replace("/", "_") not in names]
    others = f", which has {listed(absent)} besides" if absent else ""
    raise InputError(
        f"{where}: its class {listed(unknown)} is none of the {len(classes):,} classes known{others}; rename the "
        f"folder, take it away or {REMEDY}"
    )


def _by_number(names: Sequence[str], count: int, where: object) -> dict[str, int]:
    """Folders 0 to count − 1, or some of them with 0; folders up to count without 0 are counted from 1."""
    values = {name: int(name) for name in names}
    least, most = min(values.values()), max(values.values())
    if least == 0 and most < count:
        base = 0
    elif least >= 1 and most == count:
        base = 1
    else:
        why = f"whether they count the network's {count:,} classes from 0 or from 1 cannot be known"
        if most >= count:
            why = f"the network has {count:,} classes"
        raise InputError(f"{where}: its class folders are numbers from {least} to {most}; {why}; {REMEDY}")
    first, last = names[0], names[-1]
    tell(
        f"{where}: its class folders are taken for class numbers, counted from {base} (folder {first} is class "
        f"{least - base}, {last} is {most - base})"
    )
    return _distinct({name: value - base for name, value in values.items()}, where)


def _distinct(numbers: dict[str, int], where: object) -> dict[str, int]:
    if len({*numbers.values()}) < len(numbers):
        raise InputError(f"{where}: two class folders are the same number ({listed([*numbers])}); rename or merge them")
    return numbers


def tell_absent(numbers: Collection[int], known: Known, where: object) -> None:
    """Name the classes of the network that are not among a set's class numbers."""
    if known is None:
        return
    count = known if isinstance(known, int) else len(known)
    absent = sorted({*range(count)} - {*numbers})
    if absent:
        names = [str(number) if isinstance(known, int) else known[number] for number in absent]
        tell(f"{where}: has no image of {len(absent):,} of the {count:,} classes ({listed(names)})")


def composed(name: str) -> str:
    """A name in the one of Unicode's forms in which é is one character: file systems and archives change it."""
    return unicodedata.normalize("NFC", name)


def _tell_alike(names: Sequence[str], where: object) -> None:
    """Refuse names that are one in two Unicode forms; tell those that differ by capitals and spaces alone."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(" ".join(composed(name).casefold().split()), name)
        if other != name and composed(other) == composed(name):
            raise InputError(f"{where}: two class folders are called {name}, in two Unicode forms; merge them")
        if other != name:
            tell(f"{where}: {other}/ and {name}/ are two classes")


def _are_numbers(names: Collection[str]) -> bool:
    return bool(names) and all(re.fullmatch("[0-9]+", name) for name in names)


def _by_map(folders: Sequence[str], known: Known, class_map: ClassMap, where: object) -> dict[str, int]:
    """The class numbers that the map gives; −1 for what it leaves out."""
    unknown = [name for name in class_map if name not in folders]
    if unknown:
        raise InputError(f"{where}: has no class folder {listed(unknown)}, which the class map names; mend the map")
    classes = known if isinstance(known, Sequence) else ()
    found = {name: -1 if text == LEFT_OUT else _number(name, text, known, classes) for name, text in class_map.items()}
    left = [name for name, number in found.items() if number < 0]
    if left:
        tell(f"{where}: {listed(left)} left out by the class map")
    return found


def _number(folder: str, text: str, known: Known, classes: Sequence[str]) -> int:
    if text in classes:
        return classes.index(text)
    count = len(classes) if classes else known
    if not _are_numbers([text]):
        have = f"has {listed(classes)}" if classes else "has no names; give numbers"
        raise InputError(f"class map: {folder} is mapped to {text}, which is not a class: the network {have}")
    if isinstance(count, int) and int(text) >= count:
        raise InputError(f"class map: {folder} is mapped to {text}, the network's classes are 0 to {count - 1}")
    return int(text)


def read_class_map(path: str | os.PathLike[str]) -> dict[str, str]:
    """The class map in a text file: a line for each folder, its name, then the number or name of its class.

    Between the two stands a tab, or a space where neither has any; `-` in place of the class leaves the folder out.

    Raises:
        InputError: the file cannot be read, a line is of another form, or a folder is named twice.
    """
    what = f"class map {path}"
    with reading(what, "write a line FOLDER CLASS for each class folder"), open_regular(Path(path)) as file:
        content = file.read(_MAP_BYTES + 1)
    if len(content) > _MAP_BYTES:
        raise InputError(f"{what}: has more than {_MAP_BYTES:,} bytes; write a line FOLDER CLASS for each class folder")
    text = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf"))
    found: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        if not line.strip():
            continue
        words = line.split("\t") if "\t" in line else line.split()
        if len(words) != 2 or not all(word.strip() for word in words):
            raise InputError(f"{what}, line {number}: needs FOLDER and CLASS, with a tab between them: {line[:80]}")
        folder, name = (word.strip() for word in words)
        if folder in found:
            raise InputError(f"{what}, line {number}: names {folder} a second time; leave one line")
        found[folder] = name
    if not found:
        raise InputError(f"{what}: is empty; write a line FOLDER CLASS for each class folder")
    return found
