"""The values that the settings of scores can have: looked at where a setting is given, and where it is used."""

from __future__ import annotations

from mixset._common.arguments import check_number, check_whole
from mixset._common.errors import InputError

_MOST = 1 << 31
WHOLE = {"k": (1, _MOST), "largest": (1, _MOST), "dimension": (1, _MOST)}
"""Settings that are whole numbers, with the least and the largest."""
NUMBERS: dict[str, tuple[float, float]] = {
    "gamma": (1e-6, 1e3),
    "percentile": (0, 100),
    "share": (0, 1),
    "alpha": (0, 1e6),
    "temperature": (1e-6, 1e6),
    "epsilon": (0, 1),
}
"""Settings that are numbers."""
WORDS = {"divisor": ("distance", "length")}
"""Settings that are one of some words."""


def whole(name: str, value: object, field: str = "") -> int:
    """The value of a setting of `WHOLE`; InputError, which calls it `field`, where it is out of range."""
    low, high = WHOLE[name]
    return check_whole(field or name, value, low=low, high=high)


def number(name: str, value: object, field: str = "") -> float:
    """The value of a setting of `NUMBERS`, as `whole`."""
    low, high = NUMBERS[name]
    return check_number(field or name, value, low=low, high=high)


def word(name: str, value: object, field: str = "") -> str:
    """The value of a setting of `WORDS`, as `whole`."""
    if not isinstance(value, str) or value not in WORDS[name]:
        raise InputError(f"{field or name}: {' or '.join(WORDS[name])} is needed, got {value!r}")
    return value


def check_setting(name: str, value: object, field: str) -> None:
    """InputError, which calls the setting `field`, where it cannot have this value, whatever the images are."""
    for known, check in ((WHOLE, whole), (NUMBERS, number), (WORDS, word)):
        if name in known:
            check(name, value, field)


def check_neighbours(k: object, count: int, what: str = "training images") -> int:
    """How many neighbours are asked for; InputError where there are not so many of `what`."""
    asked = whole("k", k)
    if asked > count:
        raise InputError(f"k: {asked:,} neighbours are asked for, but there are {count:,} {what}; give a smaller k")
    return asked


def check_dimension(dimension: object, width: int) -> int:
    """How many directions are left out; InputError where they are as many as an image has features."""
    asked = whole("dimension", dimension)
    if asked >= width:
        raise InputError(f"dimension: {asked} of {width} features leave no residual; give less than {width}")
    return asked


def kept_features(percentile: object, width: int) -> int:
    """How many of an image's features are kept; InputError where it is none."""
    dropped = number("percentile", percentile)
    kept = width - round(width * dropped / 100)
    if kept < 1:
        raise InputError(f"percentile: {percentile} drops all of {width} features; give a lower one")
    return kept
