"""Files whose reading ends: no folders, pipes or devices."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from .errors import InputError


def open_regular(path: Path) -> BufferedReader:
    """A file opened for reading, if it is a regular one; a pipe is not waited for.

    Raises:
        InputError: it is something else.
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{path} is no regular file")
    return open(handle, "rb")


def read_regular(path: Path) -> bytes:
    """The bytes of a regular file; raises as `open_regular`."""
    with open_regular(path) as file:
        return file.read()
