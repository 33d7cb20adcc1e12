"""Atomic writing by partial files: locked while being written, renamed when whole, removed if abandoned."""

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
"""The suffix of every name from `partial_of`; other programs' *.partial files do not match it."""
_FOREIGN_AGE = 24 * 3600
"""Seconds without a change after which another host's partial file counts as abandoned."""
NAME_BYTES = 255
"""The longest name that Linux and macOS allow."""


def partial_of(path: Path) -> Path:
    """A new, unpredictable name in the folder of `path`, under which to write it."""
    end = f".{os.getpid()}-{HOST}-{secrets.token_hex(8)}.partial"
    start = os.fsencode(path.name)[: NAME_BYTES - len(end)]
    return path.with_name(os.fsdecode(start) + end)


def create_locked(partial: Path) -> int:
    """Create `partial` and lock it, so that `remove_abandoned` in other processes and on other hosts leaves it alone.

    An existing file or link is never opened.
    """
    while True:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with contextlib.suppress(OSError):  # without locks on this file system, process id and host must do
            fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.lstat(partial), os.fstat(handle)):
                return handle
        os.close(handle)  # it was removed as abandoned between the two calls


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files in `folder` of this user's writers that have died; other files are never touched.

    Locks may not work across hosts, so other hosts' files are removed only if they have not changed for a day.
    """
    for partial in folder.glob("*.partial"):
        match = _match(partial.name)
        if match is None:
            continue
        local = match["host"] == HOST
        # NFS locks only files that are open for writing.
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
                abandoned = not (local and _alive(match["process"]))
            if abandoned and (local or time.time() - status.st_mtime > _FOREIGN_AGE):
                partial.unlink()


def is_partial(name: str) -> bool:
    """Whether this is the name of a partial file from `partial_of`."""
    return _match(name) is not None


def _match(name: str) -> re.Match[str] | None:
    match = _OURS.search(name)
    return match if match is not None and match.end() == len(name) else None


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
    """Open a file for writing and reading that replaces `path` when the block ends, and is removed if it fails.

    Args:
        path: the file to replace.
        remedy: what error messages advise if it cannot be written.

    Raises:
        InputError: the disk is full or the folder cannot be written; `path` is unchanged.
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
    """Write `parts` one after another, so that `path` is at any time either the old file or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written; `path` is unchanged.
    """
    with replacing(path) as file:
        for part in parts:
            file.write(part)


def sync_folder(folder: Path) -> None:
    """Sync `folder`, so that renames in it survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
