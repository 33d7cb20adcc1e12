"""What `mixset import --labels`, `info`, `check` and `export` do where a set is a training set."""

from __future__ import annotations

import sys
from pathlib import Path

from mixset._common.console import say
from mixset._common.errors import InputError, counted, printable

from .import_command import ImportCommand


def import_stored(command: ImportCommand) -> None:
    """Import a folder of labelled images, naming on stderr what was left out."""
    from mixset._stored.import_stored import import_labelled

    if command.size is not None:
        raise InputError("size: images of a training set are not cropped; `side` brings their short sides to a size")
    if command.compression != "none":
        raise InputError("compression: the files of a training set are compressed already; leave it out")
    done = import_labelled(command.source, command.out, side=command.side, jpeg=command.jpeg, workers=command.workers)
    for part in done:
        for name, reason in part.left_out:
            print(f"left out {name}: {reason}", file=sys.stderr)
        extras = [f"{len(part.left_out):,} left out"] if part.left_out else []
        extras += [f"{part.undecoded:,} of them broken, as they were in the folder"] if part.undecoded else []
        more = "".join(f", {extra}" for extra in extras)
        say(f"{part.folder}: {counted(part.count, 'labelled image')} of {part.classes:,} classes{more}")
    if any(part.folder == command.out / "train" for part in done):
        say(f"train with it: pixmix train store:{command.out}")
    else:
        say(f"measure on it: pixmix evaluate MODEL --dataset store:{command.out}")


def parts_of(path: Path) -> list[Path]:
    """The training sets at `path`; none if it is something else, such as a mixing set."""
    from mixset._stored.stored_set import stored_parts

    return stored_parts(path)


def print_stored(parts: list[Path]) -> None:
    """Print what training sets hold."""
    from mixset._stored.stored_set import describe, open_stored

    for part in parts:
        for line in describe(open_stored(part)):
            print(printable(line))


def check_parts(parts: list[Path]) -> None:
    """Print what a check of training sets found; InputError when something is damaged."""
    from mixset._stored.check_stored import check_stored

    damaged = 0
    for part in parts:
        report = check_stored(part)
        damaged += len(report.damage)
        for kind, lines in (("damaged", report.damage), ("note", report.notes)):
            for line in lines:
                say(f"{kind}: {line}")
        if not report.damage:
            say(f"{part}: {counted(report.images, 'labelled image')}, all as they were written")
    if damaged:
        raise InputError(f"{damaged} damaged; the import that made the set, run again, makes their shards again")


def export_parts(parts: list[Path], root: Path, out: Path) -> None:
    """Export training sets: the set at `root`, or those in folders in it, each to a folder of its name."""
    from mixset._stored.export_stored import export_stored
    from mixset._stored.stored_set import open_stored

    for part in parts:
        place = out if part == root else out / part.name
        say(f"{place}: {counted(export_stored(open_stored(part), place), 'file')}")
