"""Is a mixing set what was written, and is each of its images worth mixing?"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._common.console import Progress
from .._common.errors import DamagedImage, InputError
from .._common.partials import is_partial
from .._common.seals import file_hash
from . import manifest
from .mixing_set import MixingSet
from .shard_writer import ShardWriter
from .shards import ShardInfo, open_images, open_shard, read_image, read_info, verified_images
from .statistics import contrast

EMPTY = 4.0
"""An image is near-empty below this contrast at 36 pixels; of 1,000 photographs none is."""

Remake = Callable[[Path, manifest.Entry, dict[str, Any]], Iterator[tuple[np.ndarray, int, dict[str, Any]]]]
"""(folder, entry, recipe) → what `ShardWriter.add` takes for each image of the shard that `entry` describes."""


@dataclass
class Report:
    """What a check found."""

    images: int = 0
    """How many were read and compared."""
    damage: list[str] = field(default_factory=list)
    """A line for each damaged or missing shard or image."""
    repaired: list[str] = field(default_factory=list)
    """Shards that were damaged and made again with equal content."""
    poor: list[str] = field(default_factory=list)
    """A line for each near-empty or duplicate image: whole, but of little use."""
    notes: list[str] = field(default_factory=list)
    """What else is odd, and harmless."""


def check(folder: str | os.PathLike[str], *, remake: Remake | None = None, quiet: bool = False) -> Report:
    """Read every image of the set in `folder` and compare all hashes.

    Args:
        folder: a folder of shards, or of image files, which are then decoded.
        remake: gives the images of a damaged shard again; they replace it if its content is equal.
        quiet: no progress on stderr.

    Raises:
        InputError: there is no set, or its manifest is unreadable.
    """
    folder, report = Path(folder), Report()
    if not folder.is_dir():
        raise InputError(f"mixing set {folder} is not a folder")
    listed = manifest.read(folder)
    looks = _Looks(report)
    if listed is None:
        if any(folder.glob("*.h5")):
            _check_loose(folder, report, looks, quiet)
        else:
            _check_files(folder, report, looks, quiet)
        return report
    _note_strangers(folder, listed, report)
    entries = list(listed.shards)
    with Progress(listed.count, "images", quiet=quiet) as progress:
        for index, entry in enumerate(entries):
            damage = _shard_damage(folder / entry.name, entry)
            if damage and remake is not None:
                entries[index] = _repair(folder, entry, listed.recipe, remake)
                report.repaired += damage
            elif damage:
                report.damage += damage
            if not damage or remake is not None:
                looks.shard(read_info(folder / entry.name))
            progress.advance(entry.count)
    if tuple(entries) != listed.shards:
        manifest.write(folder, listed.recipe, entries, listed.left_out)
    return report


def _check_loose(folder: Path, report: Report, looks: _Looks, quiet: bool) -> None:
    unfinished = (folder / manifest.UNFINISHED).exists()
    report.notes.append(
        "unfinished: the command that makes it resumes" if unfinished else f"no {manifest.NAME}: file hashes unknown"
    )
    paths = sorted(folder.glob("*.h5"))
    with Progress(len(paths), "shards", quiet=quiet) as progress:
        for path in paths:
            damage = _shard_damage(path, None)
            report.damage += damage
            if not damage:
                looks.shard(read_info(path))
            progress.advance()


def _check_files(folder: Path, report: Report, looks: _Looks, quiet: bool) -> None:
    images = MixingSet(folder)
    with Progress(len(images), "images", quiet=quiet) as progress:
        for index in range(len(images)):
            try:
                looks.image(images[index], images.caption(index)[1])
            except DamagedImage as error:
                report.damage.append(str(error))
            progress.advance()


def _note_strangers(folder: Path, listed: manifest.Manifest, report: Report) -> None:
    for name in sorted({path.name for path in folder.glob("*.h5")} - {one.name for one in listed.shards}):
        report.notes.append(f"{folder / name} is not listed in {manifest.NAME}: it is not used")
    for path in sorted(path for path in folder.glob("*.partial") if is_partial(path.name)):
        report.notes.append(f"{path} is being written, or was left by a writer that died")


def _shard_damage(path: Path, entry: manifest.Entry | None) -> list[str]:
    """A line for each thing wrong with a shard; each unreadable image is named."""
    if not path.exists():
        return [f"shard {path} is missing"]
    try:
        info = read_info(path)
        for _ in verified_images(info):
            pass
    except InputError as error:
        return _unreadable_images(path) or [_plain(error)]
    if entry is None:
        return []
    if info.content_hash != entry.content_hash or (info.start_index, info.count) != (entry.start_index, entry.count):
        return [f"shard {path} is not the one {manifest.NAME} lists: its content hash differs"]
    if file_hash(path) != entry.sha256:
        return [f"shard {path} differs from what was written, though not in its images (SHA-256)"]
    return []


def _unreadable_images(path: Path) -> list[str]:
    found = []
    try:
        count = read_info(path).count
        with open_shard(path) as file:
            images = open_images(file, path)
            for index in range(count):
                try:
                    read_image(images, path, index)
                except DamagedImage as error:
                    found.append(_plain(error))
    except InputError:
        pass
    return found


def _plain(error: InputError) -> str:
    """Without the advice to run the check that is running."""
    return str(error).rsplit("; ", 1)[0]


def _repair(folder: Path, entry: manifest.Entry, recipe: dict[str, Any], remake: Remake) -> manifest.Entry:
    """Make a shard again, which takes its place if it has the content it should have."""
    path = folder / entry.name
    if "imported" in recipe:
        raise InputError(f"shard {path} was imported: run the import again, it makes what is damaged anew")
    made = remake(folder, entry, recipe)
    first = next(made)
    with ShardWriter(
        path,
        family=entry.family,
        recipe=recipe,
        start_index=entry.start_index,
        shape=first[0].shape[:2],
        count=entry.count,
        compression=entry.compression,
    ) as writer:
        for image in itertools.chain([first], made):
            writer.add(*image)
        if writer.content_hash != entry.content_hash:  # then nothing is written
            raise InputError(
                f"shard {path} made again has other content than {manifest.NAME} says: other versions of the packages "
                "made it; install those it names, or make the set anew in another folder"
            )
    return manifest.entry(read_info(path))


class _Looks:
    """Finds near-empty and duplicate images as they pass."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.seen: dict[bytes, str] = {}

    def shard(self, info: ShardInfo) -> None:
        with open_shard(info.path) as file:
            images = open_images(file, info.path)
            for index in range(info.count):
                self.image(read_image(images, info.path, index), f"image {index} of {info.path.name}")

    def image(self, image: np.ndarray, name: str) -> None:
        self.report.images += 1
        strength = contrast(image)
        if strength < EMPTY:
            self.report.poor.append(f"{name} is near-empty: contrast {strength:.1f} of 255 at 36 pixels")
        digest = hashlib.blake2b(image.data, digest_size=16, person=str(image.shape).encode()[:16]).digest()
        first = self.seen.setdefault(digest, name)
        if first is not name:
            self.report.poor.append(f"{name} is a duplicate of {first}")
