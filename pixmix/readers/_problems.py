"""Problems of an image set, which are raised in one line or left out with a warning; and warnings printed once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixset._common.errors import InputError
from mixset._common.warned import (
    listed as listed,
    warn_once as warn_once,
    warnings_given as warnings_given,
)

_NAMED = 6
REMEDY = "fetch what is missing or broken again"
"""What to do about problems of a set that this package did not generate."""


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
