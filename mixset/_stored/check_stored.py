"""Checking a training set for damage: every byte of it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .._common.errors import InputError
from .._common.packed_names import PackedNames
from .._common.progress import Progress
from .._common.seals import file_hash
from .._store import manifest
from .._store.check import Report, note_other_files
from .stored_index import StoredIndex, read_index, wrong_checksums


def check_stored(folder: Path, *, quiet: bool = False) -> Report:
    """Compare every checksum of the training set in `folder`; images are not decoded.

    Returns:
        A line for everything that is damaged or odd; the import that made the set, run again, repairs it.

    Raises:
        InputError: there is no finished training set.
    """
    listed, report = manifest.read(folder), Report()
    if listed is None or listed.classes is None:
        raise InputError(f"{folder} holds no finished training set; the import that makes it, run again, resumes")
    note_other_files(folder, listed, report)
    with Progress(listed.count, "images", quiet=quiet) as progress:
        for entry in listed.shards:
            report.damage += _damage(folder / entry.name, entry, listed.classes, report)
            progress.advance(entry.count)
    return report


def _damage(path: Path, entry: manifest.Entry, classes: tuple[str, ...], report: Report) -> list[str]:
    """A line for each problem of a shard; intact images are counted in the report."""
    if not path.exists():
        return [f"shard {path} is missing"]
    try:
        index = read_index(path)
        names = PackedNames(index.names)
        damaged = [
            f"image {names[number]} in {path} differs from what was written" for number in wrong_checksums(index)
        ]
    except InputError as error:
        return [str(error)]
    report.images += index.count - len(damaged)
    if damaged:
        return damaged
    if (index.content_hash, index.start_index, index.count) != (entry.content_hash, entry.start_index, entry.count):
        return [f"shard {path} is not the one {manifest.NAME} lists: its content hash differs"]
    if file_hash(path) != entry.sha256:
        return [f"shard {path} differs from what was written, though not in its images (SHA-256)"]
    return _mislabelled(index, names, classes)


def _mislabelled(index: StoredIndex, names: PackedNames, classes: tuple[str, ...]) -> list[str]:
    """A line where names and labels do not say the same of a file's class."""
    labels = index.rows["label"]
    if labels.max() >= len(classes) or (np.diff(labels) < 0).any():
        return [f"shard {index.path} has labels that {manifest.NAME} does not have, or in another order"]
    for number, label in enumerate(labels.tolist()):
        if not names[number].startswith(f"{classes[label]}/"):
            return [f"image {names[number]} in {index.path} has the label of class {classes[label]}"]
    return []
