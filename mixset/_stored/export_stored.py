"""Exporting a training set: its files again, in a folder for each class."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from .._common.cores import usable_cores
from .._common.errors import InputError, reason
from .._common.partials import remove_abandoned, write_atomically
from .._common.progress import Progress
from .._store.manifest import NAME, UNFINISHED
from .._store.output import begin
from .stored_files import StoredFile
from .stored_set import StoredSet

_IN_FLIGHT = 256


def export_stored(stored: StoredSet, out: Path, *, quiet: bool = False) -> int:
    """Write every file to `out`/CLASS/NAME, or resume an interrupted export; classes without a file get their folder.

    Each file is checked on the way. The folder holds `unfinished.json` until the export is finished.

    Returns:
        The number of files.

    Raises:
        InputError: `out` holds something else or cannot be written.
        DamagedImage: a file is damaged.
    """
    if (out / NAME).exists():
        raise InputError(f"{out} is a set; choose another folder to export into")
    begin(out, {"exported": stored.files.content_hash()}, len(stored.files))
    _make(out, [*stored.classes])

    def save(file: StoredFile) -> None:
        path = out / file.name
        if not path.exists():
            content = _content(file)
            write_atomically(path, content)

    files, folders = iter(stored.files), {*stored.classes}
    with ThreadPoolExecutor(usable_cores()) as threads, Progress(len(stored.files), "files", quiet=quiet) as progress:
        while batch := list(islice(files, _IN_FLIGHT)):
            wanted = {os.path.dirname(file.name) for file in batch} - folders
            _make(out, sorted(wanted))
            folders |= wanted
            for _ in threads.map(save, batch):
                progress.advance()
    (out / UNFINISHED).unlink()
    return len(stored.files)


def _content(file: StoredFile) -> bytes:
    try:
        return file.content()
    except InputError as error:
        raise type(error)(f"image {file}: {error}") from None


def _make(out: Path, folders: list[str]) -> None:
    """Make folders, and take away what a killed export left in them."""
    for name in folders:
        try:
            (out / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {out / name}: {reason(error)}; choose another folder") from error
        remove_abandoned(out / name)
