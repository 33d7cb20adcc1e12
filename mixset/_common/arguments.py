"""Checks of what users give to public functions: an InputError names the argument and says what is needed."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError


def check_number(field: str, value: object, *, low: float, high: float) -> float:
    """`value`, NumPy's as a float; InputError where it is no finite number from `low` to `high`."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not low <= value <= high:  # type: ignore[operator]
        raise InputError(f"{field}: a number from {low:g} to {high:g} is needed, got {value!r}")
    return value if isinstance(value, int | float) else float(value)  # type: ignore[arg-type]


def check_whole(field: str, value: object, *, low: int, high: int) -> int:
    """`value` as an int, NumPy's too; InputError where it is no whole number from `low` to `high`."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise InputError(f"{field}: a whole number from {low:,} to {high:,} is needed, got {value!r}")
    return int(value)


def check_flag(field: str, value: object) -> bool:
    """`value`; InputError where it is neither True nor False."""
    if not isinstance(value, bool):
        raise InputError(f"{field}: True or False is needed, got {value!r}")
    return value


def check_path(field: str, value: object) -> Path:
    """`value` as a Path; InputError where it can be none."""
    try:
        if isinstance(value, str | os.PathLike) and (name := os.fsencode(value)) and b"\0" not in name:
            return Path(value)
    except UnicodeEncodeError:  # half a character
        pass
    raise InputError(f"{field}: a path is needed, got {value!r}")


def check_list(field: str, value: Any, kind: str) -> list[Any]:
    """`value` as a list; InputError where it is no sequence: a text is none, nor is a number."""
    row = value.ndim == 1 if isinstance(value, np.ndarray) else isinstance(value, Sequence)
    if not row or isinstance(value, str | bytes):
        raise InputError(f"{field}: a list of {kind} is needed, got {value!r}")
    return list(value)


def check_numbers(field: str, value: object, *, low: float, high: float) -> list[float]:
    """`value` as a list of floats; InputError where it is no list of finite numbers from `low` to `high`."""
    return [float(check_number(field, each, low=low, high=high)) for each in check_list(field, value, "numbers")]


def is_numbered(value: object) -> bool:
    """Whether `value` has a length and items by number, as a data set has; texts and mappings have none."""
    able = hasattr(value, "__len__") and hasattr(value, "__getitem__") and getattr(value, "shape", None) != ()
    return able and not isinstance(value, str | bytes | Mapping)
