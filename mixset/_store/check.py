"""Checking a mixing set for damage and for images of little use (near-empty, duplicates), and repairing it."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .._common.errors import DamagedImage, InputError
from .._common.partials import is_partial
from .._common.progress import Progress
from .._common.seals import file_hash
from . import manifest
from .mixing_set import MixingSet
from .shard_writer import ShardWriter
from .shards import ShardInfo, open_images, open_shard, read_image, read_info, verified_images
from .statistics import contrast

MIN_CONTRAST = 4.0
"""An image with less contrast at 36 pixels is near-empty; none of 1,000 photographs is."""

Remake = Callable[[Path, manifest.Entry, dict[str, Any]], Iterator[tuple[np.ndarray, int, dict[str, Any]]]]
"""(folder, entry, recipe) → the arguments of `ShardWriter.add` for each image of the shard that `entry` describes."""


@dataclass
class Report:
    """The result of a check."""

    images: int = 0
    """The number of intact images."""
    damage: list[str] = field(default_factory=list)
    """A line for each damaged or missing shard or image."""
    repaired: list[str] = field(default_factory=list)
    """A line for each damaged shard that was made again with equal content."""
    poor: list[str] = field(default_factory=list)
    """A line for each near-empty or duplicate image: undamaged, but of little use."""
    notes: list[str] = field(default_factory=list)
    """A line for each harmless oddity."""


def check(folder: str | os.PathLike[str], *, remake: Remake | None = None, quiet: bool = False) -> Report:
    """Read every image of the set in `folder` and check all hashes.

    Args:
        folder: a folder of shards, or of image files, which are decoded.
        remake: draws the images of a damaged shard again; the shard is replaced if their content hash is the same.
        quiet: show no progress.

    Returns:
        A line for everything damaged, repaired, of little use or odd.

    Raises:
        InputError: there is no set, or its manifest cannot be read.

    Example:
        >>> import mixset
        >>> report = mixset.check("my-set", quiet=True)
        >>> report.images, report.damage
        (6, [])
    """
    folder, report = Path(folder), Report()
    if not folder.is_dir():
        raise InputError(f"mixing set {folder} is not a folder")
    listed = manifest.read(folder)
    if listed is not None and listed.classes is not None:
        raise InputError(f"{folder} is a training set, not a mixing set; check it with `mixset check`")
    quality = _Quality(report)
    if listed is None:
        if any(folder.glob("*.h5")):
            _check_unlisted(folder, report, quality, quiet)
        else:
            _check_files(folder, report, quality, quiet)
        return report
    note_other_files(folder, listed, report)
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
                quality.shard(read_info(folder / entry.name))
            progress.advance(entry.count)
    if tuple(entries) != listed.shards:
        manifest.write(folder, listed.recipe, entries, listed.left_out)
    return report


def _check_unlisted(folder: Path, report: Report, quality: _Quality, quiet: bool) -> None:
    """Check a folder of shards without a manifest."""
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
                quality.shard(read_info(path))
            progress.advance()


def _check_files(folder: Path, report: Report, quality: _Quality, quiet: bool) -> None:
    images = MixingSet(folder)
    with Progress(len(images), "images", quiet=quiet) as progress:
        for index in range(len(images)):
            try:
                quality.image(images[index], images.caption(index)[1])
            except DamagedImage as error:
                report.damage.append(str(error))
            progress.advance()


def note_other_files(folder: Path, listed: manifest.Manifest, report: Report) -> None:
    """Note shards that are not listed, and partial files."""
    for name in sorted({path.name for path in folder.glob("*.h5")} - {entry.name for entry in listed.shards}):
        report.notes.append(f"{folder / name} is not listed in {manifest.NAME}: it is not used")
    for path in sorted(path for path in folder.glob("*.partial") if is_partial(path.name)):
        report.notes.append(f"{path} is being written, or was left by a writer that died")


def _shard_damage(path: Path, entry: manifest.Entry | None) -> list[str]:
    """A line for each problem of a shard; each unreadable image gets its own."""
    if not path.exists():
        return [f"shard {path} is missing"]
    try:
        info = read_info(path)
        for _ in verified_images(info):
            pass
    except InputError as error:
        return _unreadable_images(path) or [_without_remedy(error)]
    if entry is None:
        return []
    if info.content_hash != entry.content_hash or (info.start_index, info.count) != (entry.start_index, entry.count):
        return [f"shard {path} is not the one {manifest.NAME} lists: its content hash differs"]
    if file_hash(path) != entry.sha256:
        return [f"shard {path} differs from what was written, though not in its images (SHA-256)"]
    return []


def _unreadable_images(path: Path) -> list[str]:
    problems = []
    try:
        count = read_info(path).count
        with open_shard(path) as file:
            images = open_images(file, path)
            for index in range(count):
                try:
                    read_image(images, path, index)
                except DamagedImage as error:
                    problems.append(_without_remedy(error))
    except InputError:
        pass
    return problems


def _without_remedy(error: InputError) -> str:
    """The message without its remedy, which is to run this check."""
    return str(error).rsplit("; ", 1)[0]


def _repair(folder: Path, entry: manifest.Entry, recipe: dict[str, Any], remake: Remake) -> manifest.Entry:
    """Make a shard again and replace it if the content hash is the listed one."""
    path = folder / entry.name
    if "imported" in recipe:
        raise InputError(f"shard {path} was imported: run the import again to make damaged shards anew")
    records = remake(folder, entry, recipe)
    first = next(records)
    with ShardWriter(
        path,
        family=entry.family,
        recipe=recipe,
        start_index=entry.start_index,
        shape=first[0].shape[:2],
        count=entry.count,
        compression=entry.compression,
    ) as writer:
        for record in itertools.chain([first], records):
            writer.add(*record)
        if writer.content_hash != entry.content_hash:  # the exception keeps the writer from replacing the file
            raise InputError(
                f"shard {path} made again differs from what {manifest.NAME} lists: it was made with other package "
                "versions; install those listed there, or make the set anew in another folder"
            )
    return manifest.entry(read_info(path))


class _Quality:
    """Reports near-empty and duplicate images among those it is given one after another."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.names: dict[bytes, str] = {}
        """The name of the first image with each hash."""

    def shard(self, info: ShardInfo) -> None:
        with open_shard(info.path) as file:
            images = open_images(file, info.path)
            for index in range(info.count):
                self.image(read_image(images, info.path, index), f"image {index} of {info.path.name}")

    def image(self, image: np.ndarray, name: str) -> None:
        self.report.images += 1
        value = contrast(image)
        if value < MIN_CONTRAST:
            self.report.poor.append(f"{name} is near-empty: contrast {value:.1f} of 255 at 36 pixels")
        digest = hashlib.blake2b(image.data, digest_size=16, person=str(image.shape).encode()[:16]).digest()
        first = self.names.setdefault(digest, name)
        if first is not name:
            self.report.poor.append(f"{name} is a duplicate of {first}")
