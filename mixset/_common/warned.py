"""Warnings, each printed once, and the names in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from .errors import printable

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


def listed(names: Sequence[str], most: int = 4) -> str:
    """The first `most` names, and how many more there are."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
