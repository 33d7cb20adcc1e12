"""Locks between processes; the kernel releases each when its holder dies."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError
from .partials import HOST
from .posix import fcntl

_held: set[str] = set()
_OURS = re.compile(rb"(process [0-9]+ on [A-Za-z0-9_-]*\n)?")
"""What stands in a lock file that `sole` made."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (made when missing), waiting for whoever holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(_open(path)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` (made when missing), or refuse at once where another process does.

    It is a record lock, which children do not inherit: workers that outlive a killed process for a moment do not keep
    its successor out. A file system without locks grants it to everybody. The file goes with the holder, unless that
    is killed.

    Args:
        what: for the line, for example "run folder runs/a".

    Raises:
        InputError: another process, or another call in this one, holds it; or another program's file is there.
    """
    name = os.path.realpath(path)
    if name in _held:
        raise InputError(f"{what} is in use by another call in this process; wait for it, or choose another folder")
    with open(_taken(path, what), "wb", buffering=0) as file:
        _held.add(name)
        try:
            file.write(f"process {os.getpid()} on {HOST}\n".encode())
            yield
        finally:
            _held.discard(name)
            with contextlib.suppress(OSError):
                path.unlink()


def _taken(path: Path, what: str) -> int:
    """The lock file, open and held."""
    while True:
        handle = _open(path)
        if not _is_ours(handle):
            os.close(handle)
            raise InputError(
                f"{what} holds {path.name}, which is no lock of ours; take it away, or choose another folder"
            )
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise InputError(f"{what} is in use by {holder}; wait for it, stop it, or choose another folder") from None
        except OSError:
            pass
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(path), os.fstat(handle)):
                os.truncate(handle, 0)
                return handle
        os.close(handle)  # its holder ended and took it away between the two calls


def _is_ours(handle: int) -> bool:
    """Whether a file may be written and taken away as a lock: not what another program has put there, or linked."""
    status = os.fstat(handle)
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    return alone and _OURS.fullmatch(os.pread(handle, 200, 0)) is not None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
