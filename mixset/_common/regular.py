"""Reading regular files only: pipes would block, and devices may never end."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from .errors import InputError

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """Return the status of the regular file at `path`; links are followed.

    Raises:
        InputError: it is not a regular file.
        OSError: it is missing or inaccessible.
    """
    return _regular(os.stat(path), path)


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a regular file for reading in binary mode; raises as `check_regular`."""
    check_regular(path)  # sockets cannot be opened
    # The file may have been replaced since: without O_NONBLOCK opening a pipe would wait for its writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _regular(os.fstat(handle), path)
    except BaseException:
        os.close(handle)
        raise
    return open(handle, "rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of a regular file; raises as `check_regular`, and InputError if there are more than `most`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise InputError(f"{path} is larger than {most >> 20} MiB, the limit for such a file; is it the right one?")
        return file.read() if most is None else file.read(most)


def _regular(status: os.stat_result, path: str | os.PathLike[str]) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        kind = next((word for holds, word in _KINDS if holds(status.st_mode)), "a device")
        raise InputError(f"{os.fspath(path)} is not a regular file but {kind}")
    return status
