"""What is wrong with an image set: named in one line, or left out and said; and other lines that are said once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mixset._common.errors import InputError, printable

_NAMED = 6
REMEDY = "fetch what is missing or broken again"
"""What to do about a set that was made by others."""
_said: set[str] = set()


def tell(line: str) -> None:
    """Say on stderr, once and by one process, what does not stop the work but should be known."""
    if line not in _said and os.environ.get("RANK", "0") == "0":
        _said.add(line)
        print(printable(line), file=sys.stderr)


def settle(where: Path | str, problems: Sequence[str], partial: bool, remedy: str = REMEDY) -> tuple[str, ...]:
    """The problems of what is left out, where `partial` allows it; a line says the first six.

    Args:
        where: the set's folder.
        remedy: what to do about them.

    Raises:
        InputError: there are problems and nothing may be left out; the line names the first six.
    """
    if problems:
        more = len(problems) - _NAMED
        named = "; ".join([*problems[:_NAMED], *([f"and {more} more"] if more > 0 else [])])
        if not partial:
            raise InputError(f"{where}: {named}; {remedy}, or leave it out with --partial (partial=True)")
        tell(f"{where}: left out: {named}")
    return tuple(problems)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in one line: the first few, then how many more."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
