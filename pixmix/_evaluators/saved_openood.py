"""The suite openood of saved logits: which benchmark they are of, and whether they are all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mixset._common.errors import InputError

from ..readers._openood_lists import BENCHMARKS, Benchmark
from ..readers._problems import listed, resolve
from .entries import Entry
from .near_far import measure
from .saved_parts import Parts
from .scoring import Prepared


class SavedBenchmark(NamedTuple):
    """The parts of a file that belong to one of OpenOOD's benchmarks."""

    about: Benchmark
    groups: dict[str, tuple[str, ...]]
    """`near` and `far` → the sets that there are."""
    problems: tuple[str, ...]
    """A line for everything that is missing."""


def find_benchmark(parts: Parts, *, partial: bool) -> SavedBenchmark:
    """The benchmark of as many classes as the logits have.

    Args:
        parts: of the file; outlier sets of other names than the benchmark's are left alone.
        partial: take what there is, instead of raising.

    Raises:
        InputError: there is no such benchmark; or, without `partial`, a set is missing or has another number of images.
    """
    classes = parts.test.logits.shape[1]
    about = next((each for each in BENCHMARKS.values() if each.classes == classes), None)
    if about is None:
        known = ", ".join(f"{each.classes:,}" for each in BENCHMARKS.values())
        raise InputError(f"openood: the logits are of {classes:,} classes, its benchmarks of {known}")
    official = {**about.near, **about.far}
    there = {"logits": (about.test.images, len(parts.test.logits))}
    there |= {
        f"ood_{name}": (each.images, len(parts.outliers[name].logits) if name in parts.outliers else 0)
        for name, each in official.items()
    }
    problems = [
        f"{array}: {found:,} images, {about.name} has {count:,}" if found else f"{array}: missing"
        for array, (count, found) in there.items()
        if found != count
    ]
    groups = {
        group: tuple(name for name in getattr(about, group) if name in parts.outliers) for group in ("near", "far")
    }
    if not any(groups.values()):
        raise InputError(f"openood: of {about.name}'s sets there is none; give ood_NAME of {listed([*official])}")
    return SavedBenchmark(about, groups, resolve(f"openood, {about.name}", problems, partial, "save all of it"))


def saved_openood(parts: Parts, of: SavedBenchmark, prepared: Mapping[str, Prepared], seed: int) -> Entry:
    """What the suite openood says of saved logits; the full spectrum needs the network."""
    outputs = {"test": parts.test, **parts.outliers}
    about = {
        "source": "official",
        "benchmark": of.about.name,
        "images": len(parts.test.logits),
        **{group: list(names) for group, names in of.groups.items()},
        "absent": dict.fromkeys(of.about.shifted, "saved logits have no full spectrum"),
        "problems": list(of.problems),
    }
    return {"set": about, **measure(outputs.__getitem__, of.groups, (), prepared, seed)}
