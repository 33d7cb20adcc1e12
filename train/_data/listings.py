"""The files of large class folders: listed once, then kept in the cache for as long as no folder has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from mixset._common.cache import cache_folder
from mixset._common.errors import InputError
from mixset._common.locks import locked
from mixset._common.partials import remove_abandoned
from mixset._common.seals import read_sealed, write_sealed
from pixmix.readers._classes import ANNOTATIONS, Listing, list_labelled
from pixmix.readers._problems import warnings_given

KEPT_FROM = 5_000
"""About as many files make a folder large. Millions on a network disk take minutes to list."""
SETTLED = 2_000_000_000
"""Nanoseconds after which a change of a folder shows in its time; some file systems count whole seconds."""
_FORM = "pixmix listing 1"
Stamp = tuple[int, int, int]
"""A folder's device and number, and the time of its last change in nanoseconds."""


def list_kept(root: Path) -> Listing:
    """As `list_labelled`, from the cache where it has been listed and no folder in it has changed since.

    Adding, removing or renaming a file changes its folder's time. Of the processes that start together one lists, the
    others wait for it. A listing with warnings is not kept: they are to be seen each time.

    Raises:
        InputError: as `list_labelled`.
    """
    if not _large(root):
        return list_labelled(root)
    name = hashlib.sha256(os.fsencode(os.path.abspath(root))).hexdigest()[:32]
    kept = cache_folder() / "listings" / f"{name}.bin"
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a cache without locks: each process lists
            stack.enter_context(locked(kept.with_suffix(".lock")))
        with contextlib.suppress(InputError, ValueError, KeyError, TypeError):  # absent or damaged: listed again
            if (found := _read(kept)) is not None:
                return found
        warned, started = warnings_given(), time.time_ns()
        folders: dict[str, Stamp] = {}
        listing = list_labelled(root, lambda folder: folders.update({os.fspath(folder): _stamp(folder)}))
        settled = max(time for _, _, time in folders.values()) < started - SETTLED
        unchanged = all(stamp == _stamp(Path(folder)) for folder, stamp in folders.items())
        if settled and unchanged and warnings_given() == warned:
            with contextlib.suppress(OSError, InputError):  # no room: it is listed again the next time
                remove_abandoned(kept.parent)
                write_sealed(kept, _packed(listing, folders))
        return listing


def _large(root: Path) -> bool:
    """Whether a folder of class folders seems to have many files, by the first class's number."""
    try:
        if os.path.exists(root / ANNOTATIONS):
            return False
        with os.scandir(root) as scan:
            classes = [entry.path for entry in scan if not entry.name.startswith(".") and entry.is_dir()]
        return bool(classes) and len(classes) * len(os.listdir(classes[0])) >= KEPT_FROM
    except OSError:
        return False  # listing it tells why


def _stamp(folder: Path) -> Stamp:
    try:
        status = os.stat(folder)
    except OSError:
        return -1, -1, sys.maxsize  # gone: as if it had just been changed
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _packed(listing: Listing, folders: dict[str, Stamp]) -> bytes:
    head = {"form": _FORM, "folders": folders, "classes": [[name, len(files)] for name, files in listing.items()]}
    names = "".join(f"{file}\0" for files in listing.values() for file in files)
    return json.dumps(head).encode() + b"\n" + os.fsencode(names)


def _read(kept: Path) -> Listing | None:
    """The listing in a file of the cache; None where a folder is not as it was."""
    content, sealed = read_sealed(kept, f"kept listing {kept}", "it is made again")
    line, _, names = content.partition(b"\n")
    head: dict[str, Any] = json.loads(line)
    if not sealed or head["form"] != _FORM:
        return None
    if any(_stamp(Path(folder)) != tuple(stamp) for folder, stamp in head["folders"].items()):
        return None
    files = os.fsdecode(names).split("\0")
    listing, first = {}, 0
    for name, count in head["classes"]:
        listing[name] = tuple(files[first : first + count])
        first += count
    return listing
