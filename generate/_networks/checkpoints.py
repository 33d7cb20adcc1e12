"""A run's checkpoints: several files, named by how far each is, of which the newest whole one counts."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from mixset._common.errors import InputError, reading
from mixset._common.seals import seal_fits

FOLDER = "checkpoints"
"""The folder in a run's that has them."""
SINGLE = "checkpoint.pt"
"""The only checkpoint of runs that began with 0.2.0 or before."""
_NAME = re.compile(r"step-([0-9]{5,10})-([0-9]{7,15})\.pt")


class Newest(NamedTuple):
    """The newest whole checkpoint of a run."""

    path: Path | None
    """None where the run has none."""
    damaged: list[Path]
    """Newer ones, the newest first, whose SHA-256 does not match."""


def checkpoint_path(run: Path, epoch: int, position: int) -> Path:
    """Where the checkpoint lies that a run writes after so many epochs and so many steps of the next."""
    return run / FOLDER / f"step-{epoch:05d}-{position:07d}.pt"


def list_checkpoints(run: Path) -> list[Path]:
    """The checkpoints in a run's folder, the newest first; the single one of an older release comes last."""
    found = []
    for path in (run / FOLDER).glob("step-*.pt"):
        if match := _NAME.fullmatch(path.name):
            found.append(((int(match[1]), int(match[2])), path))
    single = run / SINGLE
    return [path for _, path in sorted(found, reverse=True)] + ([single] if single.exists() else [])


def newest_checkpoint(run: Path) -> Newest:
    """The newest checkpoint whose SHA-256 matches; a line on stderr names each damaged one that is passed over.

    Raises:
        InputError: there are some, and none is whole; or one cannot be read, for another reason than damage.
    """
    damaged: list[Path] = []
    for path in list_checkpoints(run):
        # A single one may be of 0.1.0, which sealed nothing; whoever reads it finds damage, and nothing is behind it.
        if path.name == SINGLE or _whole(path):
            for other in damaged:
                print(
                    f"checkpoint {other} is damaged (its SHA-256 does not match); taken is {path.name}, the one before",
                    file=sys.stderr,
                )
            return Newest(path, damaged)
        damaged.append(path)
    if damaged:
        others = f", and so are the {len(damaged) - 1} before it" if len(damaged) > 1 else ""
        raise InputError(
            f"checkpoint {damaged[0]} is damaged (its SHA-256 does not match){others}; begin anew with another `out`"
        )
    return Newest(None, [])


def _whole(path: Path) -> bool:
    with reading(f"checkpoint {path}", "make the file readable"):
        return seal_fits(path)
