"""Files whose reading ends: no folders, pipes or devices."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from .errors import InputError

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


def check_regular(path: str | os.PathLike[str]) -> os.stat_result:
    """The status of what `path` leads to, links followed: a pipe would block its reader, a device never end.

    Raises:
        InputError: it is no regular file.
        OSError: it is absent or out of reach.
    """
    return _regular(os.stat(path), path)


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file for reading, as its bytes; raises as `check_regular`."""
    check_regular(path)  # sockets cannot be opened at all
    # It may have become another one: without O_NONBLOCK the opening of a pipe waits for its writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _regular(os.fstat(handle), path)
    except BaseException:
        os.close(handle)
        raise
    return open(handle, "rb")


def read_regular(path: Path, most: int | None = None) -> bytes:
    """The bytes of a file; raises as `check_regular`, and where there are more than `most`."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if most is not None and size > most:
            raise InputError(
                f"{path} has more than the {most >> 20} MiB that such a file may have; is it the right one?"
            )
        return file.read() if most is None else file.read(most)


def _regular(status: os.stat_result, path: str | os.PathLike[str]) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        kind = next((word for holds, word in _KINDS if holds(status.st_mode)), "a device")
        raise InputError(f"{os.fspath(path)} is no regular file but {kind}")
    return status
