"""Problems of an image set, which are raised in one line or left out with a warning; and warnings printed once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mixset._common.errors import InputError, printable

_NAMED = 6
REMEDY = "fetch what is missing or broken again"
"""What to do about problems of a set that this package did not generate."""
_printed: set[str] = set()
_given = 0


def warn_once(line: str) -> None:
    """Print a warning on stderr, once per process and, in a distributed run, only in rank 0."""
    global _given
    _given += 1
    if line not in _printed and os.environ.get("RANK", "0") == "0":
        _printed.add(line)
        print(printable(line), file=sys.stderr)


def warnings_given() -> int:
    """How many warnings there have been in this process, those included that had been printed before."""
    return _given


def resolve(where: Path | str, problems: Sequence[str], partial: bool, remedy: str = REMEDY) -> tuple[str, ...]:
    """Raise the problems of a set, or warn about them if whatever has one may be left out.

    Args:
        where: the set's folder.
        problems: a line for each.
        partial: whether to leave out instead of raising.
        remedy: what to do about the problems.

    Returns:
        All problems.

    Raises:
        InputError: there are problems and `partial` is false; the message has the first six.
    """
    if problems:
        more = len(problems) - _NAMED
        named = "; ".join([*problems[:_NAMED], *([f"and {more} more"] if more > 0 else [])])
        if not partial:
            raise InputError(f"{where}: {named}; {remedy}, or leave it out with `partial`")
        warn_once(f"{where}: left out: {named}")
    return tuple(problems)


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first `most` names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
