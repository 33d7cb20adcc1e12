"""The settings of AutoAttack, which `pixmix.evaluate` and the command line share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mixset._common.arguments import check_whole
from mixset._common.errors import InputError

from .attack import NORMS, Norm, largest

Version = Literal["standard", "plus", "rand"]
VERSIONS: tuple[Version, ...] = get_args(Version)


@dataclass(frozen=True, kw_only=True)
class AutoAttackSettings:
    """AutoAttack (Croce & Hein, 2020): by default in l-inf at the paper's 2/255, on 1,000 images.

    Radii are texts as people write them, in units of [0, 1] images. Several of a norm are a ladder: each rung attacks
    what stands at the ones below, the smallest first.
    """

    linf: tuple[str, ...] = ("2/255",)
    """Radii in l-inf, such as 8/255 or 0.03; RobustBench's are 8/255 for CIFAR and 4/255 for ImageNet."""
    l2: tuple[str, ...] = ()
    """Radii in l2; RobustBench's is 0.5 for CIFAR-10."""
    version: Version = "standard"
    """The attacks: standard (APGD-CE, APGD-T, FAB-T, Square), plus (more restarts, untargeted ones, too), or rand, for
    networks that draw random numbers."""
    count: int = 1000
    """How many images are attacked, a draw by the seed; RobustBench attacks all 10,000 of CIFAR, or its 5,000 of
    ImageNet."""

    def __post_init__(self) -> None:
        for norm in NORMS:
            given = getattr(self, norm)
            if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(r, str) for r in given):
                raise InputError(f"autoattack.{norm}: texts such as 2/255 are needed, got {given!r}")
            values = [radius_of(text, norm) for text in given]
            if sorted(set(values)) != values:
                raise InputError(f"autoattack.{norm}: a ladder goes from the smallest radius to the largest")
        if not (self.linf or self.l2):
            raise InputError("autoattack.linf: give a radius, or one to `autoattack.l2`")
        if not isinstance(self.version, str) or self.version not in VERSIONS:
            raise InputError(f"autoattack.version: none named {self.version!r}; known: {', '.join(VERSIONS)}")
        check_whole("autoattack.count", self.count, low=1, high=2**31 - 1)

    @property
    def ladders(self) -> dict[Norm, tuple[str, ...]]:
        """Norm → radii as written, of the norms that have some."""
        return {norm: tuple(getattr(self, norm)) for norm in NORMS if getattr(self, norm)}


def radius_of(text: str, norm: Norm) -> float:
    """The number that "8/255" or "0.5" is.

    Raises:
        InputError: it is none, or is not above 0 or larger than any that makes sense.
    """
    parts: list[Any] = text.split("/")
    try:
        numbers = [float(part) for part in parts]
        value = numbers[0] / numbers[1] if len(parts) == 2 else numbers[0]
        fits = len(parts) <= 2 and 0 < value <= largest(norm)
    except (ValueError, ZeroDivisionError):
        fits = False
    if not fits:
        raise InputError(
            f"autoattack.{norm}: a number above 0 and up to {largest(norm):g} is needed, such as 2/255 or 0.5, "
            f"got {text!r}"
        )
    return value
