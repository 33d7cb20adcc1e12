"""Checks of the arguments of public functions: an InputError names the argument and says what is needed."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np

from .errors import InputError


def check_number(field: str, value: object, *, low: float, high: float) -> float:
    """Return `value`, NumPy scalars as floats; InputError unless it is a finite number from `low` to `high`."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # type: ignore[operator]
        raise InputError(f"{field}: a number from {low:g} to {high:g} is needed, got {value!r}")
    return value if isinstance(value, int | float) else float(value)  # type: ignore[arg-type]


def check_whole(field: str, value: object, *, low: int, high: int) -> int:
    """Return `value` as an int, also where it is NumPy's; InputError unless it is a whole number in the range."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise InputError(f"{field}: a whole number from {low:,} to {high:,} is needed, got {value!r}")
    return int(value)


def check_flag(field: str, value: object) -> bool:
    """Return `value`; InputError unless it is True or False."""
    if not isinstance(value, bool):
        raise InputError(f"{field}: True or False is needed, got {value!r}")
    return value


def check_path(field: str, value: object) -> Path:
    """Return `value` as a Path; InputError if it cannot be one."""
    try:
        if isinstance(value, str | os.PathLike) and (name := os.fsencode(value)) and b"\0" not in name:
            return Path(value)
    except UnicodeEncodeError:  # a lone surrogate
        pass
    raise InputError(f"{field}: a path is needed, got {value!r}")


def check_list(field: str, value: Any, kind: str) -> list[Any]:
    """Return `value` as a list; InputError unless it is a sequence (strings and numbers are not)."""
    is_sequence = value.ndim == 1 if isinstance(value, np.ndarray) else isinstance(value, Sequence)
    if not is_sequence or isinstance(value, str | bytes):
        raise InputError(f"{field}: a list of {kind} is needed, got {value!r}")
    return list(value)


def check_numbers(field: str, value: object, *, low: float, high: float) -> list[float]:
    """Return `value` as a list of floats; InputError unless it is a list of finite numbers from `low` to `high`."""
    return [float(check_number(field, number, low=low, high=high)) for number in check_list(field, value, "numbers")]


class MapStyle(Protocol):
    """What has a length and items by index."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


def is_map_style(value: object) -> TypeGuard[MapStyle]:
    """Whether `value` has a length and items by index, like a map-style data set; strings and mappings do not."""
    sized = hasattr(value, "__len__") and hasattr(value, "__getitem__") and getattr(value, "shape", None) != ()
    return sized and not isinstance(value, str | bytes | Mapping)
