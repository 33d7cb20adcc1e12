"""Importing folders of labelled images as training sets; interrupted imports resume."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from .._common.arguments import check_path, check_whole
from .._common.class_folders import is_labelled, list_folders, list_labelled
from .._common.cores import check_workers
from .._common.decoding import header_size, stamp
from .._common.errors import DamagedImage, InputError, counted, printable, reading
from .._common.jsons import json_hash
from .._common.plain_names import plain_name
from .._common.progress import Progress
from .._common.regular import read_regular
from .._common.seals import file_hash
from .._common.warned import listed, warn_once
from .._store import manifest
from .._store.output import begin, begun_recipe
from .smaller import DEFAULT_QUALITY, smaller
from .stored_index import MOST_BYTES, StoredIndex, read_index, wrong_checksums
from .stored_set import stored_parts
from .stored_shard import FAMILY, Member, write_stored_shard

PARTS = ("train", "test", "val", "valid", "validation")
"""Folders that may be parts of a data set."""
SHARD_BYTES, SHARD_FILES = 512 << 20, 1 << 16
"""The most bytes of the source's files that go into a shard, but for a larger single one; and the most files.

A shard's files are in memory while it is made."""
SIDES = (8, 4096)


@dataclass(frozen=True)
class ImportedPart:
    """A training set that has been imported."""

    folder: Path
    count: int
    classes: int
    left_out: tuple[tuple[str, str], ...]
    """(name, reason) of each file that could not be read, or made smaller."""
    undecoded: int
    """How many files are in it though not even their header can be read: as in the folder."""


class _Source(NamedTuple):
    """The labelled files of a folder."""

    root: Path
    classes: list[str]
    files: list[str]
    """Relative to `root`."""
    labels: list[int]
    lengths: list[int]


class _Form(NamedTuple):
    """What becomes of the files."""

    side: int | None
    jpeg: int | None


def import_labelled(
    source: Path,
    out: Path,
    *,
    side: int | None = None,
    jpeg: int | None = None,
    workers: int | None = None,
    quiet: bool = False,
) -> list[ImportedPart]:
    """Import a folder with a folder a class, or its train/ and test/ (or val/) that are such folders.

    A folder's files are kept as they are, in the order in which it is trained on.

    Args:
        source: the folder.
        out: the folder of the set, created if missing; with parts each is a set in it.
        side: to which short sides are brought that are larger; default: all files are kept as they are.
        jpeg: quality of the files that are made for it, 1 to 100; default: 90.
        workers: threads that read and encode; default: one per core this process may use.
        quiet: show no progress.

    Raises:
        InputError: there is nothing to import, `out` holds something else, or the disk is full.
    """
    source, out, workers = check_path("source", source), check_path("out", out), check_workers(workers)
    if side is None and jpeg is not None:
        raise InputError("jpeg: is the quality of images that are made smaller; give `side`, too")
    form = _Form(None, None)
    if side is not None:
        quality = check_whole("jpeg", DEFAULT_QUALITY if jpeg is None else jpeg, low=1, high=100)
        form = _Form(check_whole("side", side, low=SIDES[0], high=SIDES[1]), quality)
    if stored_parts(source):
        raise InputError(f"{source}: is a stored training set already; `mixset export` gives its files back")
    parts = _parts(source)
    sources = [_read_source(part) for part in parts]
    if parts == [source]:
        return [_import(sources[0], out, form, workers, quiet)]
    if begun_recipe(out) is not None:
        raise InputError(f"{out} is a set itself, and train/ and others would be sets in it; choose another folder")
    return [_import(one, out / one.root.name, form, workers, quiet) for one in sources]


def _parts(source: Path) -> list[Path]:
    """The folders with class folders: those of the parts, where there is a train/, or `source` itself."""
    folders = list_folders(source)
    if "train" not in folders:
        return [source]
    parts = [source / name for name in PARTS if name in folders and (name == "train" or is_labelled(source / name))]
    if rest := [f"{name}/" for name in folders if source / name not in parts]:
        warn_once(f"{source}: {listed(rest)} left out")
    return parts


def _read_source(root: Path) -> _Source:
    listing = list_labelled(root)
    if not any(listing.values()):
        raise InputError(f"{root}: no image in its class folders; it needs a folder for each class")
    for name in listing:
        with reading(f"{root}: class folder", "rename it"):
            plain_name(name, most=255)
    files = [file for names in listing.values() for file in names]
    labels = [label for label, names in enumerate(listing.values()) for _ in names]
    return _Source(root, list(listing), files, labels, [stamp(root / file)[0] for file in files])


def _import(source: _Source, out: Path, form: _Form, workers: int, quiet: bool) -> ImportedPart:
    recipe = {
        "imported": "labelled",
        "name": source.root.resolve().name,
        "files": len(source.files),
        "listing": json_hash([source.classes, [ascii(file) for file in source.files], source.labels, source.lengths]),
        **form._asdict(),
    }
    begin(out, recipe, len(source.files))
    entries, left_out, undecoded = [], [], 0
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(workers) as threads,
        Progress(len(source.files), f"images into {out}", quiet=quiet) as progress,
    ):
        warnings.simplefilter("ignore")  # Pillow's warnings about EXIF data and sizes do not name the file
        for number, places in enumerate(_plans(source.lengths)):
            path = out / f"{FAMILY}-{number:05d}.h5"
            index = _existing(path, recipe, places.start)
            if index is None:
                found = list(threads.map(lambda place: _fetch(source, place, form), places))
                members = [one for one in found if isinstance(one, Member)]
                left_out += [one for one in found if not isinstance(one, Member)]
                if not members:
                    continue
                write_stored_shard(path, members, recipe=recipe, start_index=places.start)
                index = read_index(path)
            else:
                left_out += _left_out(source, places, index, form)
            undecoded += int((index.rows["height"] == 0).sum())
            entries.append(_entry(index))
            progress.advance(len(places))
    count = sum(entry.count for entry in entries)
    if not count:
        (out / manifest.UNFINISHED).unlink(missing_ok=True)
        name, reason = left_out[0]
        raise InputError(f"no image in {source.root} could be read; the first is {name}: {reason}")
    manifest.write(out, recipe, entries, left_out, source.classes)
    return ImportedPart(out, count, len(source.classes), tuple(left_out), undecoded)


def _plans(lengths: Sequence[int]) -> Iterator[range]:
    """Split files into shards by their lengths, broken ones included, so that each shard can be made by itself."""
    start, size = 0, 0
    for place, length in enumerate(lengths):
        if place > start and (size + length > SHARD_BYTES or place - start == SHARD_FILES):
            yield range(start, place)
            start, size = place, 0
        size += max(length, 0)
    yield range(start, len(lengths))


def _existing(path: Path, recipe: dict[str, Any], start: int) -> StoredIndex | None:
    """The shard at `path` if it is there, intact and of this recipe."""
    if not path.exists():
        return None
    try:
        index = read_index(path)
        if damaged := [*wrong_checksums(index)]:
            raise DamagedImage(f"{counted(len(damaged), 'image')} of shard {path} differ from what was written")
    except DamagedImage as error:
        print(f"importing again: {error}", file=sys.stderr)
        return None
    return index if (index.recipe, index.start_index) == (recipe, start) else None


def _fetch(source: _Source, place: int, form: _Form) -> Member | tuple[str, str]:
    """A file as it is stored, or its name and why it is not."""
    file, label = source.files[place], source.labels[place]
    try:
        with reading("it", "repair it"):
            content = read_regular(source.root / file, MOST_BYTES)
        shape = _shape(content, needed=form.side is not None)
        if form.side is not None and form.jpeg is not None:
            content, shape = smaller(content, shape, form.side, form.jpeg)
    except InputError as error:
        return printable(file), str(error)
    return Member(_name(source, file, label), content, label, shape)


def _shape(content: bytes, *, needed: bool) -> tuple[int, int]:
    """(H, W) by the header; (0, 0) where that cannot be read and is not needed."""
    try:
        return header_size(content)
    except InputError:
        if needed:
            raise
        return 0, 0


def _name(source: _Source, file: str, label: int) -> str:
    """CLASS/NAME, also where a class has no folder of its own (Tiny ImageNet's val/images/)."""
    name = source.classes[label]
    return file if file.startswith(f"{name}/") else f"{name}/{file.partition('/')[2]}"


def _left_out(source: _Source, places: range, index: StoredIndex, form: _Form) -> list[tuple[str, str]]:
    """What is not in a shard that was there already; the files are read again for the reason."""
    if index.count == len(places):
        return []
    found = (_fetch(source, place, form) for place in places)
    return [one for one in found if not isinstance(one, Member)]


def _entry(index: StoredIndex) -> manifest.Entry:
    return manifest.Entry(
        name=index.path.name,
        family=FAMILY,
        start_index=index.start_index,
        count=index.count,
        sha256=file_hash(index.path),
        content_hash=index.content_hash,
        compression="none",
    )
