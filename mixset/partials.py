"""Files in the making: locked while their writer lives, removed once it is dead, lasting once renamed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import time
from pathlib import Path

from .errors import InputError

HOST = re.sub(r"[^\w-]", "_", platform.node())
_FOREIGN_AGE = 24 * 3600
"""Seconds without a change after which another host's partial file is taken for abandoned."""


def partial_of(path: Path) -> Path:
    """Where this process makes the file `path`: no other has that name, on any host that shares the folder."""
    return path.with_name(f"{path.name}.{os.getpid()}-{HOST}.partial")


def create_locked(partial: Path) -> int:
    """Create `partial` and hold its lock: `remove_abandoned` in another process or on another host leaves it alone."""
    while True:
        handle = os.open(partial, os.O_RDWR | os.O_CREAT, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks: process and host in the name must do
            fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(partial), os.fstat(handle)):
                return handle
        os.close(handle)  # it was removed as abandoned between the two calls


def remove_abandoned(folder: Path) -> None:
    """Remove the `*.partial` files in `folder` whose writers are dead.

    A lock may not be seen on other hosts, so their files go only when nobody has changed them for a day.
    """
    for partial in folder.glob("*.partial"):
        process, _, host = partial.name.split(".")[-2].partition("-")
        here = host in ("", HOST)
        # To be locked over NFS a file must be open for writing.
        with contextlib.suppress(FileNotFoundError, PermissionError), open(partial, "r+b") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                abandoned = True
            except BlockingIOError:
                abandoned = False
            except OSError:
                abandoned = not (here and _alive(process))
            if abandoned and (here or time.time() - os.fstat(handle.fileno()).st_mtime > _FOREIGN_AGE):
                partial.unlink()


def _alive(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that `path` is at any time the old one or the whole new one.

    Raises:
        InputError: the disk is full or the folder cannot be written; what was at `path` is still there.
    """
    partial = partial_of(path)
    try:
        with open(create_locked(partial), "wb") as file:
            file.write(content)
            file.truncate()  # what a dead namesake left may be longer
            file.flush()
            os.fsync(file.fileno())
            os.replace(partial, path)
        sync_folder(path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; free space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
