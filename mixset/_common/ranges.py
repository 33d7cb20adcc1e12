"""The valid ranges of the commands' numbers, and their check."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .errors import InputError

Range = tuple[float, float]
"""(lowest, highest); whole numbers are needed if both are ints."""

SEED: Range = (0, 2**64 - 1)
SIDE: Range = (8, 1024)
"""The side of an image in pixels."""
COUNT: Range = (1, 10**9)
"""The number of images, steps or epochs."""
BATCH: Range = (1, 10**6)
"""The batch size."""
PROCESSES: Range = (0, 1000)
"""The number of worker processes."""
SMALLEST = 1e-30
"""Stands for "above zero": a smaller learning rate changes no float32 weight."""

RATE: Range = (SMALLEST, 1000.0)
"""The learning rate."""
WEIGHT: Range = (0.0, 1e9)
"""The weight of a mixing set among others, or of a term of a loss."""
POSITIVE: Range = (SMALLEST, 1e9)
"""A strength; the upper bound keeps products with it finite."""
SHARE: Range = (0.0, 1.0)
"""A share or a probability."""
MANY = 10**6
"""The most of what is small: pixels, steps, frequencies."""


def check_ranges(config: object, ranges: Mapping[str, Range], prefix: str = "") -> None:
    """Check that each named field of `config` is None or a finite number in its range, both ends included.

    Args:
        config: an object with these fields.
        ranges: the range of each field.
        prefix: prepended to the names in messages, for example "iterative.".

    Raises:
        InputError: a field is out of range; the message names it.
    """
    for name, span in ranges.items():
        value = getattr(config, name)
        if value is not None:
            check_range(prefix + name, value, span)


def check_range(name: str, value: Any, span: Range) -> None:
    """Raise InputError unless a field's value is a finite number in `span`."""
    low, high = span
    whole = isinstance(low, int) and isinstance(high, int)
    is_number = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        bounds = f"above 0 and at most {high:g}" if low == SMALLEST else f"from {_short(low)} to {_short(high)}"
        raise InputError(f"{name}: {kind} {bounds} is needed, got {value!r}")


def _short(bound: float) -> str:
    return "2**64 - 1" if bound == SEED[1] else f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
