"""Writing a suite of corruptions for an image set in the official layouts, in parallel and resumable."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mixset._common.cores import usable_cores
from mixset._common.errors import InputError, printable
from mixset._common.partials import remove_abandoned, write_atomically
from mixset._common.progress import Progress
from mixset._common.regular import read_regular
from mixset._common.workers import run

from .._shared.base import SMALL
from .layouts import LABELS, labels_file, opencv
from .manifest import COUNT, begin
from .sources import Source
from .suites import members
from .tasks import NONE, Plan, execute

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
    """Write the corruptions of a suite for an image set to the folder `out`, or resume an interrupted run.

    A corrupted image is a function of the seed, the image's index, the corruption and the severity, so the files are
    the same for any number of workers. Existing files are checked against their hashes; damaged ones are made again,
    with a line on stderr. Images of up to 64 pixels are written to `CORRUPTION.npy`, (severities · N, S, S, 3) uint8
    severity by severity in the order of the set, beside `labels.npy`; sequences are (N, frames, S, S, 3). Larger images
    are written to `CORRUPTION/SEVERITY/CLASS/NAME.JPEG`, and sequences to `PERTURBATION/CLASS/NAME.mp4`.
    `corruptions.json` records what was made, and how.

    Args:
        source: the images.
        out: the folder, created if missing.
        suite: "c", "cbar" or "p".
        corruptions: names of the suite's corruptions; default: those of the benchmark.
        severities: distinct severities from 1 to 5, in this order; ignored for sequences.
        extra: add the suite's other corruptions to those of the benchmark.
        frost: the folder with the photographs of frost, if they are not installed.
        seed: the seed of all random numbers, 0 to 2**64 − 1.
        workers: the number of processes; default: one per core this process may use.
        quiet: show no progress.

    Returns:
        The folder.

    Raises:
        InputError: `out` holds something else, the disk is full, an argument is out of range, or an image is broken.

    Example:
        >>> import numpy as np
        >>> from pixmix import corruptions
        >>> images = np.full((2, 32, 32, 3), 128, np.uint8)
        >>> source = corruptions.Source(name="grey", size=32, labels=np.array([0, 1]), array=images)
        >>> out = corruptions.corrupt(source, "grey-c", corruptions=["contrast"], workers=1, quiet=True)
        >>> sorted(path.name for path in out.iterdir())
        ['contrast.npy', 'corruptions.json', 'labels.npy']
    """
    folder = None if frost is None else Path(frost)
    kinds = members(suite, source.size, names=corruptions, extra=extra, frost_folder=folder)
    steps = NONE if suite == "p" else _check(severities)
    if not 0 <= seed < 2**64:
        raise InputError(f"seed: a whole number from 0 to 2**64 - 1 is needed, got {seed}")
    if workers is not None and workers < 1:
        raise InputError(f"workers: at least 1 is needed, got {workers}")
    if source.size > SMALL and suite == "p":
        opencv()
    root = Path(out).absolute()
    labels = labels_file(source.labels, len(steps)) if source.size <= SMALL and suite != "p" else None
    digest = None if labels is None else hashlib.sha256(labels).hexdigest()
    manifest = begin(root, _recipe(source, suite, steps, seed), labels=digest, subset=source.subset, quiet=quiet)
    damaged = []
    try:
        if labels is not None and _write_labels(root / LABELS, labels):
            damaged.append(LABELS)
        plan = Plan(source, kinds, steps, seed, manifest)
        damaged += sorted(plan.damaged)
        if damaged and not quiet:
            more = f" and {len(damaged) - 4:,} more" if len(damaged) > 4 else ""
            print(printable(f"{root}: damaged, made again: {', '.join(damaged[:4])}{more}"), file=sys.stderr)
        _run(plan, workers, "sequences" if suite == "p" else "images", quiet)
    finally:
        remove_abandoned(root)
    return Path(out)


def _write_labels(path: Path, content: bytes) -> bool:
    """Write labels.npy unless it has this content; returns whether another file was replaced."""
    with contextlib.suppress(FileNotFoundError, InputError):
        if read_regular(path) == content:
            return False
    replaced = os.path.lexists(path)
    write_atomically(path, content)
    return replaced


def _run(plan: Plan, workers: int | None, what: str, quiet: bool) -> None:
    total = len(plan.source) * len(plan.kinds) * len(plan.severities)
    slots = ["cpu"] * (workers or usable_cores())
    try:
        with Progress(total, what, initial=total - plan.remaining, quiet=quiet) as progress:
            run(execute, plan.tasks, plan.task_finished, progress.advance, slots=slots)
            progress.advance(total - progress.count)  # progress reports may arrive after the last result
    finally:
        plan.close()


def _check(severities: Sequence[int]) -> tuple[int, ...]:
    if not severities or len(set(severities)) < len(severities) or not set(severities) <= set(SEVERITIES):
        raise InputError(f"severities: some of 1 to 5 are needed, each once, got {severities}")
    return tuple(severities)


def _recipe(source: Source, suite: str, severities: tuple[int, ...], seed: int) -> dict[str, object]:
    """Everything that determines the images, except for the corruption."""
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
