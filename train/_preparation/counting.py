"""What has been unpacked, counted, and looked at as those see it who read it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from mixset._common.errors import counted
from pixmix.readers import CorruptedSet, OpenOODSet, PerturbedSet, RenditionSet
from pixmix.readers._openood import LISTS
from pixmix.readers._openood_lists import BENCHMARKS
from pixmix.readers._problems import listed, resolve

from .._data.listings import list_kept
from .labels import Labels

REMEDY = "name all archives, whole ones; where files have been removed since, remove .prepare/ first"


class Official(NamedTuple):
    """How many images a data set has; 0 where that is known from its labels alone."""

    classes: int
    train: int
    val: int


IMAGENET = Official(1_000, 1_281_167, 50_000)
IMAGENET_R = Official(200, 0, 10_000)
PLACES365 = Official(365, 1_803_460, 36_500)


def class_folders(out: Path, labels: Labels, official: Official, partial: bool) -> str:
    """Count the images of train/ and val/, class by class where the labels say how many there are.

    Returns:
        A line about what is there.

    Raises:
        InputError: without `partial`, other numbers than there should be.
    """
    said, problems = [], list[str]()
    wanted: dict[str, Mapping[str, int]] = {"train": labels.train, "val": _by_class(labels)}
    for part, total in (("train", official.train), ("val", official.val)):
        if not (out / part).is_dir():
            problems.append(f"{part}/ is missing")
            continue
        found = {name: len(files) for name, files in list_kept(out / part).items()}
        said.append(f"{part}/ has {counted(sum(found.values()), 'image')} of {counted(len(found), 'class')}")
        problems += _differences(part, found, wanted[part], official.classes, total)
    resolve(out, problems, partial, REMEDY)
    return "; ".join(said).replace("classs", "classes")


def _by_class(labels: Labels) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in labels.val.values():
        counts[name] = counts.get(name, 0) + 1
    return counts


def _differences(part: str, found: Mapping[str, int], wanted: Mapping[str, int], classes: int, total: int) -> list[str]:
    """A line for each way in which the counts are not what they should be."""
    if not wanted:
        there = sum(found.values())
        lines = [f"{part}/ has {len(found):,} of {classes:,} classes"] if len(found) != classes else []
        return [*lines, *([f"{part}/ has {there:,} of {total:,} images"] if there != total and total else [])]
    lines = []
    if lost := [name for name in wanted if not found.get(name)]:
        lines.append(f"{part}/ lacks {len(lost):,} of {len(wanted):,} classes: {listed(lost)}")
    if more := [name for name in found if name not in wanted]:
        lines.append(f"{part}/ has unknown classes: {listed(more)}")
    wrong = [name for name, count in wanted.items() if found.get(name, count) not in (0, count)]
    if wrong:
        name = wrong[0]
        others = f", and {len(wrong) - 1:,} other classes differ" if len(wrong) > 1 else ""
        lines.append(f"{part}/{name} has {found[name]:,} of {wanted[name]:,} images{others}")
    return lines


def corrupted(suite: str) -> Callable[[Path, bool], str]:
    """What a set of C or C-bar has."""

    def count(out: Path, partial: bool) -> str:
        found = CorruptedSet(out, suite, partial=partial)
        names = (*found.corruptions, *found.extra)
        images = found.images(names[0], found.severities(names[0])[0])
        return f"{counted(len(names), 'corruption')} of {counted(len(images), 'image')} at each severity"

    return count


def perturbed(out: Path, partial: bool) -> str:
    """What a set of P has."""
    found = PerturbedSet(out, partial=partial)
    names = (*found.perturbations, *found.extra)
    return f"{counted(len(names), 'perturbation')} of {counted(len(found.sequences(names[0])), 'sequence')}"


def renditions(out: Path, partial: bool) -> str:
    """What ImageNet-R's folder has."""
    return counted(len(RenditionSet(out, partial=partial).images), "image")


def openood(out: Path, partial: bool) -> str:
    """What of OpenOOD's benchmarks can be measured; their images may be fetched later."""
    said = []
    for name in BENCHMARKS:
        lists = out / LISTS / name
        if lists.is_dir():
            said.append(f"{name}: {counted(len(list(lists.glob('*.txt'))), 'list')}")
            if _has_images(out, name):
                found = OpenOODSet(lists, partial=partial)
                said[-1] += f", {counted(sum(map(len, found.images.values())), 'image')}"
    return "; ".join(said)


def _has_images(out: Path, benchmark: str) -> bool:
    """Whether the test images of a benchmark are there: without them it is not meant to be measured yet."""
    about = BENCHMARKS[benchmark].test
    lists = out / LISTS / benchmark / about.name
    if not lists.exists():
        return False
    with open(lists, encoding="utf-8", errors="surrogateescape") as file:
        return (out / about.folder / file.readline().partition(" ")[0].strip()).is_file()
