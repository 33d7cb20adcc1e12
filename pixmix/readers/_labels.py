"""Labels: mapping the names of class folders to the class numbers of a network, for all readers."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np

from mixset._common.class_folders import are_numbers
from mixset._common.errors import InputError

from ._problems import listed, warn_once

Known = Sequence[str] | int | None
"""What is known of a network's classes: their names in order, their number, or nothing."""
ClassMap = Mapping[str, str]
"""Class folder → number or name of its class, or `LEFT_OUT`."""
LEFT_OUT = "-"
"""The entry of a class map for a folder to leave out."""
PARTS = ("train", "training", "test", "testing", "val", "valid", "validation", "images")
"""Names of the parts of a data set; a folder with such a name counts as a class only if another part has it, too."""
REMEDY = "give a class map: `class_map`"


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The folder names (WordNet ids) of ImageNet's 1,000 classes, sorted: the index is the class number.

    Example:
        >>> from pixmix import readers
        >>> len(readers.imagenet_wnids()), readers.imagenet_wnids()[0]
        (1000, 'n01440764')
    """
    return tuple(json.loads((resources.files(__package__) / "imagenet_classes.json").read_text("utf-8"))["wnids"])


def number_classes(
    folders: Sequence[str],
    known: Known = None,
    class_map: ClassMap | None = None,
    *,
    where: object,
    witnesses: Collection[str] = (),
) -> dict[str, int]:
    """The class number of each folder, without those that the class map leaves out.

    The class map takes precedence. Folders that it does not name are numbered

    - by name if the names of the network's classes are known (`_` stands for `/`), or by number if all are numbers;
    - if only the number of classes is known: by number if all are numbers, as in ImageNet if they are its WordNet ids
      and there are 1,000 classes, and otherwise in sorted order if there are as many folders as classes;
    - in sorted order if nothing is known.

    A line on stderr states assumptions that the folders do not prove.

    Args:
        folders: the folders' names, sorted by `class_order`.
        known: the names of the network's classes, their number, or None.
        class_map: class folder → number or name of its class, or `-`; see `read_class_map`.
        where: what messages call the set.
        witnesses: class names of another part of the data set, which may be names like "train".

    Raises:
        InputError: the labels cannot be determined, or the class map does not match the folders or the network.

    Example:
        >>> from pixmix import readers
        >>> readers.number_classes(["0", "1", "10", "2"], where="my folder")
        {'0': 0, '1': 1, '10': 2, '2': 3}
    """
    _check_similar(folders, where)
    numbers = _by_map(folders, known, class_map, where) if class_map else {}
    rest = [name for name in folders if name not in numbers]
    if rest:
        if class_map and not isinstance(known, Sequence):
            raise InputError(f"{where}: the class map lacks the class folder {listed(rest)}; add a line for each")
        numbers |= _without_map(rest, known, where, witnesses)
    used = {name: numbers[name] for name in folders if numbers[name] >= 0}
    if not used:
        raise InputError(f"{where}: the class map leaves every class folder out")
    warn_absent(used.values(), known, where)
    return used


def renumber(
    labels: np.ndarray, names: Sequence[str], known: Known, class_map: ClassMap | None, *, where: object
) -> np.ndarray:
    """Map labels of classes with these names to the network's class numbers; unchanged if no names are known.

    Args:
        labels: (N,) indices into `names`.
        names: the names of the set's classes, or none.
        known: the network's classes, as for `number_classes`.
        class_map: see `number_classes`.
        where: what messages call the set.

    Returns:
        (N,) class numbers of the network.

    Raises:
        InputError: as for `number_classes`; or a label has no name, or the class map leaves a class out.
    """
    class_map = applicable(class_map, names)
    if not names or (known is None and not class_map):
        return labels
    if labels.max() >= len(names):
        raise InputError(f"{where}: has the label {labels.max()} and names {len(names):,} classes; make the set again")
    in_order = isinstance(known, int) and not class_map
    present = [*names] if in_order else [names[label] for label in np.unique(labels)]
    numbers = number_classes(present, known, applicable(class_map, present), where=where, witnesses=names)
    if excluded := [name for name in present if name not in numbers]:
        raise InputError(f"{where}: arrays keep {listed(excluded)}; leave it out with `pixmix corrupt --classes`")
    return np.array([numbers.get(name, 0) for name in names])[labels]


def applicable(class_map: ClassMap | None, names: Collection[str]) -> ClassMap | None:
    """The class map if it names any of these folders, else None: it may be meant for another set."""
    return class_map if class_map and {*class_map} & {*names} else None


def _without_map(names: Sequence[str], known: Known, where: object, witnesses: Collection[str]) -> dict[str, int]:
    if isinstance(known, Sequence):
        return _by_name(names, known, where)
    if known is not None and are_numbers(names):
        return _by_number(names, known, where)
    if known is not None and {*names} & {*imagenet_wnids()} and known == len(imagenet_wnids()):
        return _by_name(names, imagenet_wnids(), where)
    parts = [name for name in names if name.lower() in PARTS and name not in witnesses]
    if parts:
        raise part_as_class(parts, where)
    if known is not None and len(names) != known:
        raise InputError(
            f"{where}: has {len(names):,} class folders, the network {known:,} classes without names, so labels "
            f"cannot be determined; {REMEDY}"
        )
    values = {int(name) for name in names} if are_numbers(names) else names
    if len(values) < len(names):
        raise InputError(f"{where}: two class folders are the same number ({listed(names)}); rename or merge them")
    if len(names) == 1:
        warn_once(f"{where}: has one class, {names[0]}; an error over one class says little")
    elif known is not None:
        warn_once(
            f"{where}: the network does not name its classes, so folders are numbered by their order ({names[0]} is 0, "
            f"{names[-1]} {known - 1})"
        )
    return {name: number for number, name in enumerate(names)}


def part_as_class(parts: Sequence[str], where: object) -> InputError:
    """The error for class folders that are named like parts of a data set."""
    return InputError(
        f"{where}: {listed(parts)}/ would be a class but is named like a part of a data set; give the folder that has "
        f"a folder for each class, such as {where}/{parts[0]}, or if it is a class {REMEDY}"
    )


def _by_name(names: Sequence[str], classes: Sequence[str], where: object) -> dict[str, int]:
    indices = {composed(name.replace("/", "_")): number for number, name in enumerate(classes)}
    indices |= {composed(name): number for number, name in enumerate(classes)}
    unknown = [name for name in names if composed(name) not in indices]
    if not unknown:
        return {name: indices[composed(name)] for name in names}
    if are_numbers(names) and are_numbers(classes):
        values = {int(name): number for number, name in enumerate(classes)}
        if len(values) == len(classes) and {int(name) for name in names} <= values.keys():
            return _distinct({name: values[int(name)] for name in names}, where)
    elif are_numbers(names) and len(unknown) == len(names):  # where some are names of classes, none is a number
        return _by_number(names, len(classes), where)
    absent = [name for name in classes if name not in names and name.replace("/", "_") not in names]
    others = f", which include {listed(absent)}" if absent else ""
    raise InputError(
        f"{where}: its class {listed(unknown)} is none of the {len(classes):,} known classes{others}; rename the "
        f"folder, remove it or {REMEDY}"
    )


def _by_number(names: Sequence[str], count: int, where: object) -> dict[str, int]:
    """Number folders by value: from 0 if there is a 0 and none reaches `count`, from 1 if the last is `count`."""
    values = {name: int(name) for name in names}
    least, most = min(values.values()), max(values.values())
    if least == 0 and most < count:
        base = 0
    elif least >= 1 and most == count:
        base = 1
    else:
        why = f"whether they count the network's {count:,} classes from 0 or from 1 is unclear"
        if most >= count:
            why = f"the network has {count:,} classes"
        raise InputError(f"{where}: its class folders are numbers from {least} to {most}; {why}; {REMEDY}")
    first, last = names[0], names[-1]
    warn_once(
        f"{where}: its class folders are taken for class numbers, counted from {base} (folder {first} is class "
        f"{least - base}, {last} is {most - base})"
    )
    return _distinct({name: value - base for name, value in values.items()}, where)


def _distinct(numbers: dict[str, int], where: object) -> dict[str, int]:
    if len({*numbers.values()}) < len(numbers):
        raise InputError(f"{where}: two class folders are the same number ({listed([*numbers])}); rename or merge them")
    return numbers


def warn_absent(numbers: Collection[int], known: Known, where: object) -> None:
    """Warn about classes of the network that are not among a set's class numbers."""
    if known is None:
        return
    count = known if isinstance(known, int) else len(known)
    absent = sorted({*range(count)} - {*numbers})
    if absent:
        names = [str(number) if isinstance(known, int) else known[number] for number in absent]
        warn_once(f"{where}: has no image of {len(absent):,} of the {count:,} classes ({listed(names)})")


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC), since file systems and archives may decompose characters like é."""
    return unicodedata.normalize("NFC", name)


def _check_similar(names: Sequence[str], where: object) -> None:
    """Raise InputError for one name in two Unicode forms; warn of names that differ only in case and spaces."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(" ".join(composed(name).casefold().split()), name)
        if other != name and composed(other) == composed(name):
            raise InputError(f"{where}: two class folders are named {name}, in two Unicode forms; merge them")
        if other != name:
            warn_once(f"{where}: {other}/ and {name}/ are two classes")


def _by_map(folders: Sequence[str], known: Known, class_map: ClassMap, where: object) -> dict[str, int]:
    """The class numbers from the map; −1 for folders that it leaves out."""
    unknown = [name for name in class_map if name not in folders]
    if unknown:
        raise InputError(f"{where}: has no class folder {listed(unknown)}, which the class map names; correct the map")
    classes = known if isinstance(known, Sequence) else ()
    numbers = {
        name: -1 if text == LEFT_OUT else _number(name, text, known, classes) for name, text in class_map.items()
    }
    excluded = [name for name, number in numbers.items() if number < 0]
    if excluded:
        warn_once(f"{where}: {listed(excluded)} left out by the class map")
    return numbers


def _number(folder: str, text: str, known: Known, classes: Sequence[str]) -> int:
    if text in classes:
        return classes.index(text)
    count = len(classes) if classes else known
    if not are_numbers([text]):
        have = f"has {listed(classes)}" if classes else "has no names; give numbers"
        raise InputError(f"class map: {folder} is mapped to {text}, which is not a class: the network {have}")
    if isinstance(count, int) and int(text) >= count:
        raise InputError(f"class map: {folder} is mapped to {text}, the network's classes are 0 to {count - 1}")
    return int(text)
