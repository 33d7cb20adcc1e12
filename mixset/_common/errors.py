"""What a user can put right: one line that says what is wrong, where, and what to do about it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import unicodedata
from collections.abc import Iterator


class InputError(ValueError):
    """Bad input: the commands print its message as one line and end with exit code 2.

    The message may quote what a file says: characters that a terminal would obey are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DamagedImage(InputError):
    """An image or shard whose bytes are not the ones that were written; the message names shard and index."""


def printable(text: str, *, keep: str = "") -> str:
    """`text` with every character escaped that does not print: control sequences, line breaks, lone surrogates.

    Args:
        keep: characters to leave as they are, for example a line break.
    """
    if text.isprintable():
        return text
    return "".join(char if _prints(char) or char in keep else char.encode("unicode_escape").decode() for char in text)


def _prints(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # any space, not only the one of ASCII


def reason(error: BaseException) -> str:
    """Why something failed, in one line: the system's words for it, else the first line of the exception."""
    if isinstance(error, OSError) and error.strerror and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    lines = str(error).strip().splitlines()
    if lines and (said := _HDF5.search(lines[0])):
        why = said[1].split(":")[0]
        return "its checksum does not fit" if "filter returned failure" in why else why
    return lines[0] if lines else type(error).__name__


_HDF5 = re.compile(r"(?:Unable to|Can't) [^(]*\((.+)\)")
"""What HDF5 could not do, and in parentheses why."""


_RESOURCES = {
    errno.EMFILE: "too many open files (raise the limit: ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "not enough memory",
}


@contextlib.contextmanager
def reading(what: str, remedy: str, *, damage: type[InputError] = InputError) -> Iterator[None]:
    """Whatever goes wrong inside the block with the bytes of a file becomes one line.

    Readers of foreign formats raise anything at all over damaged bytes (`tokenize.TokenError`, `NotImplementedError`,
    `RecursionError`, ...), so nothing is listed here: an InputError passes, a file that is absent, forbidden or beyond
    a limit of the process is said to be that, and all else is damage.

    Args:
        what: the file as the line names it, for example "shard s/x-00000.h5".
        remedy: what to do about damage.
        damage: the class of the error raised for damaged bytes.

    Raises:
        InputError: as above.
    """
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{what}: no such file") from error
    except Exception as error:
        number = _errno(error)
        if number in _RESOURCES:
            raise InputError(f"{what} cannot be read: {_RESOURCES[number]}") from error
        if number in (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            raise InputError(f"{what} cannot be read: {os.strerror(number)}") from error
        raise damage(f"{what} is damaged ({reason(error)}); {remedy}") from error


def _errno(error: BaseException) -> int | None:
    if isinstance(error, MemoryError):
        return None  # of damaged bytes: they claim to be larger than any file could be
    number = getattr(error, "errno", None)
    if number is None and (said := re.search(r"errno = (\d+)", str(error))):  # HDF5 has it in its text alone
        number = int(said[1])
    return number
