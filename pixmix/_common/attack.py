"""The settings of an attack by projected gradient descent, which tests, training and the command line share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mixset._common.arguments import check_flag, check_number, check_whole
from mixset._common.errors import InputError

Norm = Literal["linf", "l2"]
NORMS: tuple[Norm, ...] = get_args(Norm)


@dataclass(frozen=True, kw_only=True)
class PGDSettings:
    """Projected gradient descent (Madry et al., 2018), untargeted; the defaults are the paper's for CIFAR."""

    epsilon: float = 2 / 255
    """Radius of the ball, in units of [0, 1] images."""
    step_size: float = 0.5 / 255
    """Length of a step, in units of [0, 1] images."""
    steps: int = 20
    """Gradient steps; the last iterate is the adversary."""
    norm: Norm = "linf"
    """What radius and steps are measured in: "linf", the largest change of a value, or "l2", the length of the change
    of a whole image."""
    random_start: bool = True
    """Start at a point drawn uniformly from the ball, rather than at the image."""

    def __post_init__(self) -> None:
        if not isinstance(self.norm, str) or self.norm not in NORMS:
            raise InputError(f"attack.norm: no norm named {self.norm!r}; known: {', '.join(NORMS)}")
        for name in ("epsilon", "step_size"):
            check_number(f"attack.{name}", getattr(self, name), low=0.0, high=largest(self.norm))
        check_whole("attack.steps", self.steps, low=0, high=10**6)
        check_flag("attack.random_start", self.random_start)


def largest(norm: Norm) -> float:
    """The largest radius and step that make sense for [0, 1] images, or more."""
    return 1.0 if norm == "linf" else 1000.0
