"""The ranges of numbers that a command takes: one check for every flag of every command."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .errors import InputError

Range = tuple[float, float]
"""Least and most; whole numbers where both are ints."""

SEED: Range = (0, 2**64 - 1)
SIDE: Range = (8, 1024)
"""Of an image in pixels."""
COUNT: Range = (1, 10**9)
"""Of images, steps, epochs."""
BATCH: Range = (1, 10**6)
PROCESSES: Range = (0, 1000)
SMALLEST = 1e-30
"""What stands for "above zero": smaller steps change no float32 weight."""

RATE: Range = (SMALLEST, 1000.0)
"""Of learning."""
WEIGHT: Range = (0.0, 1e9)
"""Of a mixing set among others."""


def check_ranges(config: object, ranges: Mapping[str, Range], prefix: str = "") -> None:
    """See that each named field of `config` is a finite number in its range, both ends included; None is left alone.

    Args:
        prefix: before the names of flags, for example "iterative.".

    Raises:
        InputError: one is not; names its flag.
    """
    for name, span in ranges.items():
        value = getattr(config, name)
        if value is not None:
            check_range(f"--{prefix}{name.replace('_', '-')}", value, span)


def check_range(flag: str, value: Any, span: Range) -> None:
    """InputError where a value is not a finite number from span[0] to span[1]."""
    least, most = span
    whole = isinstance(least, int) and isinstance(most, int)
    number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        above = f"above 0 and at most {most:g}" if least == SMALLEST else f"from {_short(least)} to {_short(most)}"
        raise InputError(f"{flag} {value}: must be {kind} {above}")


def _short(bound: float) -> str:
    return "2**64 - 1" if bound == SEED[1] else f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
