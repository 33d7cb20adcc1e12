"""What each `mixset` command takes and prints; the work is done by the library, imported when it starts."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mixset._common.console import say
from mixset._common.errors import InputError, counted

from .._job.families import family, load
from .._job.own import find_family
from .import_command import ImportCommand
from .make_command import DeviceCommand, MakeCommand, R
from .stored_commands import check_parts, export_parts, import_stored, parts_of, print_stored


@dataclass(frozen=True, kw_only=True)
class InfoCommand:
    """Say what sets hold; with --stats, how rich their images are, beside photographs."""

    sets: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SET ...")]
    """Folders of shards or image folders."""

    stats: bool = False
    """Medians over 500 images: share of flat tiles, contrast at 36 pixels, JPEG bits per pixel, colour entropy."""


@dataclass(frozen=True, kw_only=True)
class CheckCommand:
    """Read every image and compare every hash; near-empty and duplicate images are named, too.

    Ends with exit code 2 when something is damaged.
    """

    set: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SET")]
    """The folder of the set."""

    repair: bool = False
    """Make damaged shards of a generated set again; each takes its place if its content is what it was."""

    trust: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Run the code that a file names: with --repair use the network of the set, be it module:function or a folder,
    run:PATH."""

    family: str | None = None
    """With --repair: what made a set of a family of your own, FILE.py:CLASS or module:CLASS."""


@dataclass(frozen=True, kw_only=True)
class SheetCommand:
    """Draw images of a set, evenly spread over it, on one page with captions."""

    set: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SET")]
    """The folder of the set."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Where the result goes: the image file to write, for example sheet.png."""

    count: int = 40
    """How many images."""

    tile: int = 160
    """Side of each on the page, in pixels."""

    families: tuple[str, ...] = ()
    """Only these families; by default all."""


@dataclass(frozen=True, kw_only=True)
class ShowCommand:
    """Draw one image of a set again, at any size and shape: `mixset show my-set 17 --size 1024`."""

    set: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SET")]
    """The folder of the set."""

    index: Annotated[int, tyro.conf.Positional, tyro.conf.arg(metavar="INDEX")]
    """Which image, as a contact sheet counts them."""

    size: int | tuple[int, int] | None = None
    """Side in pixels, or height and width; default: the set's own."""

    out: Path | None = None
    """The image file to write; default: SET-INDEX.png here."""

    trust: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Use the network that the set names, be it code (module:function) or a folder (run:PATH)."""


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Write a set as PNG files, OUT/FAMILY/0000000.png and on; of a training set the files that it was made of."""

    set: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SET")]
    """The folder of the set."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """Where the result goes: an empty or new folder, or one that this export was interrupted in."""


def make_set(command: MakeCommand[R] | DeviceCommand[R]) -> None:
    """Make or finish a set, then say what to do with it."""
    kind, devices = family(command.recipe.family), ["auto"]
    if isinstance(command, DeviceCommand):
        devices = command.devices.split(",")
        if command.list_layers:
            load("mixset.generate._fvis.listing:print_layers")(command.recipe)
            return
    if command.out is None:
        raise InputError("OUT is missing: the folder of the set; it stands before a flag that takes several values")
    match = re.fullmatch(r"(\d+)/(\d+)", command.part)
    if not match:
        raise InputError(f"part: {command.part!r} is not of the form i/n, for example 3/8")

    from mixset._store import manifest

    from .._job.clusters import open_engine
    from .._job.job import make

    with open_engine(command.engine, kind, devices, command.workers) as executor:
        out = make(
            command.recipe,
            command.out,
            workers=command.workers,
            devices=devices,
            part=(int(match[1]), int(match[2])),
            executor=executor,
            preview=command.preview,
            compression=command.compression,
        )
    listed = manifest.read(out)
    if listed is None:
        say(f"part {command.part} of {out} is done; other parts are still to be made")
    else:
        say(f"{out}: {counted(listed.count, 'image')} in {counted(len(listed.shards), 'shard')}, all there")


def import_set(command: ImportCommand) -> None:
    """Import, naming on stderr what was left out."""
    from mixset._store.importing import import_images

    if command.labels:
        return import_stored(command)
    if command.side is not None or command.jpeg is not None:
        raise InputError(f"{'jpeg' if command.side is None else 'side'}: belongs to `labels`; a mixing set has `size`")
    done = import_images(
        command.source, command.out, size=command.size, workers=command.workers, compression=command.compression
    )
    for name, reason in done.left_out:
        print(f"left out {name}: {reason}", file=sys.stderr)
    extras = [f"{len(done.left_out):,} broken left out"] if done.left_out else []
    extras += [f"{counted(done.ignored, 'other file')} ignored"] if done.ignored else []
    say(f"{command.out}: {counted(done.count, 'image')}{''.join(f', {extra}' for extra in extras)}")


def info(command: InfoCommand) -> None:
    """Print what sets hold."""
    from mixset import MixingSet
    from mixset._store import manifest
    from mixset._store.statistics import PHOTOGRAPHS, medians, table

    if not command.sets:
        raise InputError("mixset info: name at least one set")
    rows = []
    for path in command.sets:
        if parts := parts_of(path):
            print_stored(parts)
            continue
        images = MixingSet(path)
        print(images.describe())
        for line in images.details():
            print(f"  {line}")
        listed = manifest.read(path) if path.is_dir() else None
        if listed is not None:
            versions = ", ".join(f"{name} {version}" for name, version in listed.versions.items())
            print(f"  made with {versions}")
        if command.stats:
            rows.append((path.name, medians(images)))
    if rows:
        print()
        print(table([*rows, ("(photographs)", PHOTOGRAPHS)]))


def check_set(command: CheckCommand) -> None:
    """Print what a check found; InputError when something is damaged."""
    import functools

    from mixset._store.check import check

    from .._job.job import remake

    if command.trust and not command.repair:
        raise InputError("trust: belongs to `repair`; a check alone uses nothing that the set names")
    if command.family is not None:
        if not command.repair:
            raise InputError("family: belongs to `repair`; a check alone draws nothing")
        find_family(command.family)
    if parts := parts_of(command.set):
        return check_parts(parts)
    report = check(command.set, remake=functools.partial(remake, trust=command.trust) if command.repair else None)
    for kind, lines in (
        ("damaged", report.damage),
        ("repaired", report.repaired),
        ("poor", report.poor),
        ("note", report.notes),
    ):
        for line in lines:
            say(f"{kind}: {line}")
    if report.damage:
        raise InputError(
            f"{command.set}: {len(report.damage)} damaged; `mixset check {command.set} --repair` makes shards again"
        )
    say(f"{command.set}: {counted(report.images, 'image')}, all as they were written")


def contact_sheet(command: SheetCommand) -> None:
    """Write a contact sheet."""
    from mixset import MixingSet
    from mixset._common.files import check_file
    from mixset._common.ranges import COUNT, check_range

    from .._job.preview import write_sheet

    check_range("count", command.count, COUNT)
    check_range("tile", command.tile, (16, 1024))
    check_file(command.out)
    images = MixingSet(command.set, families=command.families or None)
    write_sheet(images, command.out, command.count, name=command.set.resolve().name, tile=command.tile)
    say(f"wrote {command.out}")


def show(command: ShowCommand) -> None:
    """Draw one image of a set again and write it."""
    from PIL import Image

    from mixset._common.files import check_file, save_image

    from .._job.rendering import render

    out = command.out or Path(f"{command.set.resolve().name}-{command.index}.png")
    if command.out is None and out.exists():
        raise InputError(f"{out} is there already; name another file with --out")
    check_file(out)
    save_image(Image.fromarray(render(command.set, command.index, size=command.size, trust=command.trust)), out)
    say(f"wrote {out}")


def export_set(command: ExportCommand) -> None:
    """Export a set as PNG files, a training set as its own files."""
    from mixset import MixingSet
    from mixset._store.exporting import export_images

    if parts := parts_of(command.set):
        return export_parts(parts, command.set, command.out)
    count = export_images(MixingSet(command.set), command.out)
    say(f"{command.out}: {counted(count, 'PNG file')}")
