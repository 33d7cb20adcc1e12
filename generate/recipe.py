"""What a fractal mixing set is made from: the recipe that its content is a function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from mixset.errors import InputError

STYLES = ("layered", "single", "grey", "flame")
SMALLEST, LARGEST = 32, 1024


@dataclass(frozen=True, kw_only=True)
class FractalRecipe:
    """Fractals of iterated function systems; picture i is a function of everything here but `count`.

    Raises:
        InputError: a field is of the wrong type, out of its range or, for `style`, unknown.
    """

    count: int = 14_230
    """How many pictures; a larger count extends a set. The paper's set has 14,230."""

    size: int = 256
    """Height and width in pixels, 32 to 1024."""

    seed: int = 0
    """Pictures of different seeds have nothing in common; 0 to 2**64 - 1."""

    style: str = "layered"
    """`layered` (2 to 4 zoomed layers on a ground), `single` (one system, seen whole, on a ground), `grey` (as
    FractalDB's: grey points or patches on black) or `flame` (nonlinear maps)."""

    family: ClassVar[str] = "fractals"

    content_version: ClassVar[int] = 1
    """Raised whenever the same recipe would give other pixels."""

    def __post_init__(self) -> None:
        for name, low, high in (("count", 1, 2**40), ("size", SMALLEST, LARGEST), ("seed", 0, 2**64 - 1)):
            # NumPy's whole numbers are welcome, but JSON takes Python's only.
            object.__setattr__(self, name, _whole(name, getattr(self, name), low, high))
        if self.style not in STYLES:
            raise InputError(f"style: unknown style {self.style!r}; known ones are {', '.join(STYLES)}")

    def to_json(self) -> dict[str, Any]:
        """Everything that determines the content of picture i: all fields but `count`."""
        return {
            "family": self.family,
            "content_version": self.content_version,
            "size": self.size,
            "seed": self.seed,
            "style": self.style,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> FractalRecipe:
        """The recipe that `to_json` described, for `count` pictures.

        Raises:
            InputError: another family, another content version, or fields that are missing or unknown.
        """
        family, version = values.get("family"), values.get("content_version")
        if family != cls.family:
            raise InputError(f"recipe: family {family!r} where {cls.family!r} is needed; use the maker of that family")
        if version != cls.content_version:
            raise InputError(
                f"recipe: content_version {version!r}, but this release makes {cls.content_version}; "
                "install the release the set was made with, or make a new set"
            )
        fields = {"size", "seed", "style"}
        given = set(values) - {"family", "content_version"}
        if given != fields:
            raise InputError(
                f"recipe: fields {', '.join(sorted(given ^ fields))} are missing or unknown; make a new set"
            )
        return cls(count=count, **{name: values[name] for name in fields})


def _whole(name: str, value: object, low: int, high: int) -> int:
    """A whole number from `low` to `high` as Python's int; NaN, floats and booleans are refused by name."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name}: {value!r} is not a whole number; give one from {low:,} to {high:,}")
    number = int(value)
    if not low <= number <= high:
        raise InputError(f"{name}: {number:,} is out of range; give {low:,} to {high:,}")
    return number
