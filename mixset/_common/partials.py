"""Files in the making: locked while their writer lives, removed once it is dead, lasting once renamed."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import InputError, reason
from .posix import fcntl

HOST = re.sub(r"[^A-Za-z0-9_-]", "_", platform.node())[:64]
_OURS = re.compile(r"\.(?P<process>\d+)-(?P<host>[A-Za-z0-9_-]*)-[0-9a-f]{16}\.partial")
"""The end of every name that `partial_of` gives; another program's *.partial files do not end so."""
_FOREIGN_AGE = 24 * 3600
"""Seconds without a change after which another host's partial file is taken for abandoned."""
NAME_BYTES = 255
"""The longest name that Linux and macOS allow."""


def partial_of(path: Path) -> Path:
    """A new name beside `path` to make it under, which nobody can foresee."""
    end = f".{os.getpid()}-{HOST}-{secrets.token_hex(8)}.partial"
    start = os.fsencode(path.name)[: NAME_BYTES - len(end)]
    return path.with_name(os.fsdecode(start) + end)


def create_locked(partial: Path) -> int:
    """Create `partial` and hold its lock: `remove_abandoned` in another process or on another host leaves it alone.

    Nothing that is there already is opened, links neither.
    """
    while True:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: process and host in the name must do
            fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(partial), os.fstat(handle)):
                return handle
        os.close(handle)  # it was removed as abandoned between the two calls


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files in `folder` that this user's dead writers left; other files are never touched.

    A lock may not be seen on other hosts, so their files go only when nobody has changed them for a day.
    """
    for partial in folder.glob("*.partial"):
        ours = _ours(partial.name)
        if ours is None:
            continue
        here = ours["host"] == HOST
        # To be locked over NFS a file must be open for writing.
        with contextlib.suppress(OSError), open(os.open(partial, os.O_RDWR | os.O_NOFOLLOW), "r+b") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                continue
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                abandoned = True
            except BlockingIOError:
                abandoned = False
            except OSError:
                abandoned = not (here and _alive(ours["process"]))
            if abandoned and (here or time.time() - status.st_mtime > _FOREIGN_AGE):
                partial.unlink()


def is_partial(name: str) -> bool:
    """Whether a file of this name is one in the making, of ours."""
    return _ours(name) is not None


def _ours(name: str) -> re.Match[str] | None:
    found = _OURS.search(name)
    return found if found is not None and found.end() == len(name) else None


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@contextlib.contextmanager
def replacing(path: Path, remedy: str = "free space or choose another folder") -> Iterator[BinaryIO]:
    """A file to write and read, which takes the place of `path` when the block ends, and is gone if it fails.

    Raises:
        InputError: the disk is full or the folder cannot be written, with `remedy`; what was at `path` is still there.
    """
    partial = partial_of(path)
    try:
        with open(create_locked(partial), "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {reason(error)}; {remedy}") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_atomically(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file, the parts one after another, so that `path` is at any time the old one or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written; what was at `path` is still there.
    """
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
