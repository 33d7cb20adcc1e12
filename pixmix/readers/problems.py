"""What is wrong with a picture set: named together in one line, or left out and listed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixset.errors import InputError

_NAMED = 6
REMEDY = "fetch what is missing or broken again"
"""What to do about a set that was made by others."""


def settle(where: Path | str, problems: Sequence[str], partial: bool, remedy: str = REMEDY) -> tuple[str, ...]:
    """The problems of what is left out, where `partial` allows it.

    Args:
        where: the set's folder.
        remedy: what to do about them.

    Raises:
        InputError: there are problems and nothing may be left out; the line names the first six.
    """
    if problems and not partial:
        more = len(problems) - _NAMED
        rest = f"; and {more} more" if more > 0 else ""
        raise InputError(
            f"{where}: {'; '.join(problems[:_NAMED])}{rest}; {remedy}, or leave it out with --partial (partial=True)"
        )
    return tuple(problems)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in one line: the first few, then how many more."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
