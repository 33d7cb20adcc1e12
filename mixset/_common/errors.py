"""Errors that the user can fix: one line says what is wrong, where, and what to do."""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import re
import tokenize
import unicodedata
from collections.abc import Iterable, Iterator


class InputError(ValueError):
    """Bad input: the commands print its message as one line and end with exit code 2.

    The message may quote text from a file, so characters that do not print are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class DamagedImage(InputError):
    """An image or shard differs from what was written; the message names the shard and the index."""


def counted(number: int, what: str) -> str:
    """A number with its noun: `1 image`, `4,096 images`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def perhaps(word: str, known: Iterable[str]) -> str:
    """The end of a line about an unknown word, what was perhaps meant; empty where nothing known is near.

    Args:
        word: as the user wrote it.
        known: names in small letters.
    """
    near = difflib.get_close_matches(word.strip().lower(), list(known), n=3, cutoff=0.7)
    return f"; perhaps you meant {' or '.join(near)}" if near else ""


def printable(text: str, *, keep: str = "") -> str:
    """`text` with every unprintable character escaped: control sequences, line breaks, lone surrogates.

    Args:
        text: any text.
        keep: characters to leave as they are, for example a line break.
    """
    if text.isprintable():
        return text
    return "".join(char if _prints(char) or char in keep else char.encode("unicode_escape").decode() for char in text)


def _prints(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # any space, not only ASCII's


def reason(error: BaseException) -> str:
    """Why something failed, in one line: the system's message, else the first line of the exception."""
    if isinstance(error, OSError) and error.strerror and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    said = error.args[0] if isinstance(error, tokenize.TokenError) else error  # its second argument is a position
    lines = str(said).strip().splitlines()
    if lines and (match := _HDF5.search(lines[0])):
        why = match[1].split(":")[0]
        return "its checksum does not match" if "filter returned failure" in why else why
    return lines[0] if lines else type(error).__name__


_HDF5 = re.compile(r"(?:Unable to|Can't) [^(]*\((.+)\)")
"""An HDF5 error message: what failed and, in parentheses, why."""


_RESOURCES = {
    errno.EMFILE: "too many open files (raise the limit: ulimit -n)",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "not enough memory",
}


@contextlib.contextmanager
def reading(what: str, remedy: str, *, damage: type[InputError] = InputError) -> Iterator[None]:
    """Turn any exception that the block raises while it reads a file into a one-line InputError.

    Readers may raise anything on damaged bytes (`tokenize.TokenError`, `NotImplementedError`, `RecursionError`, ...),
    so every exception counts as damage, except an InputError, which passes, and the system's errors for a file that is
    missing or forbidden or for an exhausted resource, which are named.

    Args:
        what: what the message calls the file, for example "shard s/x-00000.h5".
        remedy: what to do about damage.
        damage: the exception class for damaged bytes.

    Raises:
        InputError: the block failed.
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
        return None  # damaged bytes may claim any size
    number = getattr(error, "errno", None)
    if number is None and (match := re.search(r"errno = (\d+)", str(error))):  # HDF5 puts it in the message only
        number = int(match[1])
    return number
