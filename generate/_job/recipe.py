"""What every family's recipe has in common: count, size, seed, and the JSON that a set's content is a function of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar, Self

from mixset._common.errors import InputError

SMALLEST, LARGEST = 32, 1024


@dataclass(frozen=True, kw_only=True)
class SetRecipe:
    """What a set is made from; image i is a function of everything here but `count`.

    A family's recipe adds its own fields, of JSON's types or tuples of them.

    Raises:
        InputError: a field is of the wrong type or out of its range.
    """

    count: int = 14_230
    """How many images; a larger count extends a set. The paper's set has 14,230 fractals."""

    size: int | tuple[int, int] = 256
    """Side of the images in pixels, or height and width, 32 to 1024."""

    seed: int = 0
    """Seed of all that is drawn, 0 to 2**64 - 1; images of different seeds have nothing in common."""

    family: ClassVar[str]

    content_version: ClassVar[int] = 1
    """Raised whenever the same recipe would give other pixels."""

    styles: ClassVar[tuple[str, ...]] = ()
    """What a field `style` may be, where there is one."""

    free: ClassVar[frozenset[str]] = frozenset({"count"})
    """Fields that the content of image i is no function of."""

    later: ClassVar[frozenset[str]] = frozenset()
    """Fields newer than sets of this content version: their JSON leaves them out where they have their defaults."""

    def __post_init__(self) -> None:
        self.check_whole("count", 1, 2**40)
        self.check_whole("seed", 0, 2**64 - 1)
        if isinstance(self.size, tuple):
            if len(self.size) != 2:
                raise InputError(f"size: {self.size!r} is neither a side nor height and width in pixels")
            height, width = (_whole("size", value, SMALLEST, LARGEST) for value in self.size)
            object.__setattr__(self, "size", height if height == width else (height, width))
        else:
            self.check_whole("size", SMALLEST, LARGEST)
        if self.styles:
            self.check_known("style", self.styles)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.size if isinstance(self.size, tuple) else (self.size, self.size)

    def check_whole(self, name: str, low: int, high: int) -> None:
        """Refuse a field that is not a whole number from `low` to `high`: NaN, floats and booleans, too."""
        object.__setattr__(self, name, _whole(name, getattr(self, name), low, high))

    def check_known(self, name: str, known: Sequence[str]) -> None:
        """Refuse a field that is none of the known words."""
        value = getattr(self, name)
        if not isinstance(value, str) or value not in known:
            raise InputError(f"{name}: unknown {name} {value!r}; known ones are {', '.join(known)}")

    def resolved(self) -> Self:
        """The recipe with what it names outside itself (a network's weights, say) looked up and written down."""
        return self

    def begun_as(self, begun: Mapping[str, Any]) -> Self:
        """The recipe to go on with in a folder where a set of the recipe `begun` is: in its content version, if this
        release still makes that."""
        return self

    def foreign(self) -> str | None:
        """What rendering uses of others, code or files: read from a set, it is not used unasked. None: nothing."""
        return None

    def trusted(self) -> Self:
        """The recipe with leave to use what files name, too."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Everything that determines the content of image i: all fields but the `free` ones."""
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        unsaid = {name for name in self.later if getattr(self, name) == getattr(type(self), name)}
        fields = {name: value for name, value in fields.items() if name not in self.free | unsaid}
        return {"family": self.family, "content_version": self.content_version, **fields}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> Self:
        """The recipe that `to_json` described, for `count` images.

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
        names = {field.name for field in dataclasses.fields(cls)} - cls.free
        present = set(values) - {"family", "content_version"}
        if different := (present ^ names) - (cls.later & (names - present)):
            raise InputError(f"recipe: fields {', '.join(sorted(different))} are missing or unknown; make a new set")
        return cls(count=count, **{name: _from_json(values[name]) for name in present})


def _whole(name: str, value: object, low: int, high: int) -> int:
    """The value as Python's own whole number: NumPy's are welcome, but JSON takes no others."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name}: {value!r} is not a whole number; give one from {low:,} to {high:,}")
    if not low <= (number := int(value)) <= high:
        raise InputError(f"{name}: {number:,} is out of range; give {low:,} to {high:,}")
    return number


def _from_json(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
