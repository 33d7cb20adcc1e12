"""File locks between processes, which the kernel releases when their holder dies."""

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
"""The content of a lock file written by `exclusive`."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` (created if missing), waiting for its current holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(_open(path)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file `path` (created if missing), or raise at once if another process holds it.

    It is a record lock, which children do not inherit, so workers that briefly outlive a killed process do not block
    its successor. A file system without locks grants it to everybody. The file is removed with the lock, unless the
    process is killed.

    Args:
        path: the lock file.
        what: what error messages call the locked thing, for example "run folder runs/a".

    Raises:
        InputError: another process, or another call in this one, holds it; or `path` is another program's file.
    """
    name = os.path.realpath(path)
    if name in _held:
        raise InputError(f"{what} is in use by another call in this process; wait for it, or choose another folder")
    with open(_acquire(path, what), "wb", buffering=0) as file:
        _held.add(name)
        try:
            file.write(f"process {os.getpid()} on {HOST}\n".encode())
            yield
        finally:
            _held.discard(name)
            with contextlib.suppress(OSError):
                path.unlink()


def _acquire(path: Path, what: str) -> int:
    """Open and lock the lock file."""
    while True:
        handle = _open(path)
        if not _is_ours(handle):
            os.close(handle)
            raise InputError(
                f"{what} holds {path.name}, which is not a lock of ours; remove it, or choose another folder"
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
        os.close(handle)  # its holder ended and removed it between the two calls


def _is_ours(handle: int) -> bool:
    """Whether the file may be overwritten and removed as a lock: it is neither another program's nor hard-linked."""
    status = os.fstat(handle)
    alone = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1
    return alone and _OURS.fullmatch(os.pread(handle, 200, 0)) is not None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
