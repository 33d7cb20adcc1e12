"""The job that writes a suite for an image set into the official layouts, with any number of workers and attempts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mixset._common.console import Progress
from mixset._common.cores import usable_cores
from mixset._common.errors import InputError, printable
from mixset._common.partials import remove_abandoned, write_atomically
from mixset._common.regular import read_regular
from mixset._common.workers import run

from .._shared.base import SMALL
from .layouts import LABELS, labels_file, opencv
from .made import COUNT, begin
from .sources import Source
from .suites import members
from .tasks import NONE, Plan, fulfil

SEVERITIES = (1, 2, 3, 4, 5)


def corrupt(
    source: Source,
    out: str | os.PathLike[str],
    *,
    suite: str = "c",
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = SEVERITIES,
    extra: bool = False,
    frost: str | os.PathLike[str] | None = None,
    seed: int = 0,
    workers: int | None = None,
    quiet: bool = False,
) -> Path:
    """Write the corruptions of a suite for an image set into the folder `out`, or go on with those begun there.

    What becomes of an image is a function of (seed, its number, corruption, severity): the same bytes for any number
    of workers. Files that are there are compared with their hashes: whole ones are kept, damaged ones made again, which
    one line on stderr says. Up to 64 pixels one file holds all images, `CORRUPTION.npy` of
    (severities · N, S, S, 3) uint8, severity by severity in the order of the set, beside `labels.npy`; sequences are
    (N, frames, S, S, 3). Larger images are files of their own, `CORRUPTION/SEVERITY/CLASS/NAME.JPEG`, and sequences
    `PERTURBATION/CLASS/NAME.mp4`. `corruptions.json` says what was made, and how.

    Args:
        source: the images.
        out: the folder; made when missing.
        suite: c, cbar or p.
        corruptions: some of the suite's; default: the benchmark's.
        severities: some of 1 to 5, in this order; sequences have none.
        extra: with the benchmark's the suite's others.
        frost: the folder with the photographs of frost, where they are not installed.
        seed: of all that is drawn, 0 to 2**64 − 1.
        workers: processes; default: one for each core this process may use.
        quiet: no progress on stderr.

    Returns:
        The folder.

    Raises:
        InputError: `out` holds something else, the disk is full, an argument is out of range, an image is broken.
    """
    folder = None if frost is None else Path(frost)
    kinds = members(suite, source.size, names=corruptions, extra=extra, frost_folder=folder)
    steps = NONE if suite == "p" else _check(severities)
    if not 0 <= seed < 2**64:
        raise InputError(f"--seed {seed}: a whole number from 0 to 2**64 - 1 is needed")
    if workers is not None and workers < 1:
        raise InputError(f"--workers {workers}: at least 1 is needed")
    if source.size > SMALL and suite == "p":
        opencv()
    root = Path(out).absolute()
    labels = labels_file(source.labels, len(steps)) if source.size <= SMALL and suite != "p" else None
    digest = None if labels is None else hashlib.sha256(labels).hexdigest()
    made = begin(root, _recipe(source, suite, steps, seed), labels=digest, subset=source.subset, quiet=quiet)
    damaged = []
    try:
        if labels is not None and _write_labels(root / LABELS, labels):
            damaged.append(LABELS)
        plan = Plan(source, kinds, steps, seed, made)
        damaged += sorted(plan.damaged)
        if damaged and not quiet:
            more = f" and {len(damaged) - 4:,} more" if len(damaged) > 4 else ""
            print(printable(f"{root}: damaged, made again: {', '.join(damaged[:4])}{more}"), file=sys.stderr)
        _work(plan, workers, "sequences" if suite == "p" else "images", quiet)
    finally:
        remove_abandoned(root)
    return Path(out)


def _write_labels(path: Path, content: bytes) -> bool:
    """Write labels.npy where it is not there as it should be; whether something else was there."""
    with contextlib.suppress(FileNotFoundError, InputError):
        if read_regular(path) == content:
            return False
    found = os.path.lexists(path)
    write_atomically(path, content)
    return found


def _work(plan: Plan, workers: int | None, what: str, quiet: bool) -> None:
    total = len(plan.source) * len(plan.kinds) * len(plan.severities)
    slots = ["cpu"] * (workers or usable_cores())
    try:
        with Progress(total, what, initial=total - plan.left, quiet=quiet) as progress:
            run(fulfil, plan.tasks, plan.done, progress.advance, slots=slots)
            progress.advance(total - progress.count)  # steps that were still on their way to us
    finally:
        plan.close()


def _check(severities: Sequence[int]) -> tuple[int, ...]:
    if not severities or len(set(severities)) < len(severities) or not set(severities) <= set(SEVERITIES):
        raise InputError(f"--severities {' '.join(map(str, severities))}: some of 1 2 3 4 5 are needed, each once")
    return tuple(severities)


def _recipe(source: Source, suite: str, severities: tuple[int, ...], seed: int) -> dict[str, object]:
    """All that the images are a function of, but for the corruption."""
    return {
        "suite": suite,
        "dataset": source.name,
        COUNT: len(source),
        "images_sha256": source.fingerprint(),
        "size": source.size,
        "constants": "CIFAR" if source.size <= SMALL else "ImageNet",
        "severities": list(severities) if suite != "p" else None,
        "seed": seed,
        **({"classes": list(source.classes)} if source.classes else {}),
    }
