"""The suites of corruptions by name, and which corruptions belong to the benchmark for an image size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mixset._common import named
from mixset._common.errors import InputError

from .._c.frost import FROST, find_frost, frost
from .._c.suite import C_CORRECTED, EXTRA, C
from .._cbar.suite import CBAR, CIFAR_CBAR, IMAGENET_CBAR
from .._p.base import Perturbation
from .._p.suite import HARDER, P_CORRECTED, P_EXTRA, P
from .._shared.base import SMALL, Corruption

SUITES: dict[str, dict[str, Corruption | Perturbation]] = {
    "c": {**C, **EXTRA, **C_CORRECTED},
    "cbar": {**CBAR},
    "p": {**P, **P_EXTRA, **HARDER, **P_CORRECTED},
}
"""Suite → name → corruption, including those that are not part of the benchmark; see `members`."""


def members(
    suite: str, size: int, *, names: Sequence[str] = (), extra: bool = False, frost_folder: Path | None = None
) -> list[Corruption | Perturbation]:
    """Select corruptions of a suite.

    Args:
        suite: one of `SUITES`.
        size: side of the images in pixels; C̄ has ten corruptions for CIFAR and another ten for ImageNet.
        names: the corruptions in this order, your own as `module:NAME` or `FILE.py:NAME`; default: those of the
            benchmark.
        extra: add the suite's others to the benchmark's, except for the harder noises of P and corrected versions.
        frost_folder: the folder with the photographs of frost.

    Raises:
        InputError: a suite or name is unknown, or frost is selected and its photographs are missing.
    """
    if suite not in SUITES:
        raise InputError(f"suite {suite}: unknown; the suites are {', '.join(SUITES)}")
    own = {name: _own(suite, name) for name in dict.fromkeys(names) if named.names_code(name)}
    known = SUITES[suite] | own
    for name in names:
        if name not in known:
            raise InputError(
                f"corruptions {name}: not in suite {suite}, which has {', '.join(SUITES[suite])}; one of your own is "
                f"named {named.FORMS}"
            )
    wanted = [known[name] for name in names or standard(suite, size, extra=extra)]
    chosen = list({member.name: member for member in wanted}.values())
    if FROST not in chosen:
        return chosen
    find_frost(frost_folder)
    return [frost(frost_folder) if member is FROST else member for member in chosen]


def register_corruption(suite: str, corruption: Corruption | Perturbation) -> Corruption | Perturbation:
    """Add a corruption of one's own to `SUITES`; it is never among those that a benchmark's mean is of.

    Args:
        suite: c or cbar for a `Corruption`, p for a `Perturbation`.
        corruption: of a name, and a number of its random stream, that no other of the suite has.

    Returns:
        The same.

    Raises:
        InputError: an unknown suite, another kind of thing, or a name or number that is taken.
    """
    if suite not in SUITES:
        raise InputError(f"suite {suite}: unknown; the suites are {', '.join(SUITES)}")
    kind = Perturbation if suite == "p" else Corruption
    if not isinstance(corruption, kind):
        raise InputError(f"suite {suite}: has corruptions of the class {kind.__name__}, got {corruption!r:.80}")
    if not re.fullmatch(r"\w+", corruption.name):
        raise InputError(f"corruption {corruption.name!r}: cannot be a file's name; use letters, digits and _")
    for other in SUITES[suite].values():
        if other is not corruption and (other.name == corruption.name or other.number == corruption.number):
            raise InputError(f"corruption {corruption.name}: {other.name} has the same name or number; take another")
    SUITES[suite][corruption.name] = corruption
    return corruption


def _own(suite: str, name: str) -> Corruption | Perturbation:
    """The user's corruption that `module:NAME` or `FILE.py:NAME` leads to, registered."""
    return register_corruption(suite, named.find("corruption", name))


def standard(suite: str, size: int, *, extra: bool = False) -> list[str]:
    """The names of the benchmark's corruptions; with `extra`, also the others that its original code makes."""
    if suite == "cbar":
        own, other = (CIFAR_CBAR, IMAGENET_CBAR) if size <= SMALL else (IMAGENET_CBAR, CIFAR_CBAR)
        return [*own, *(name for name in other if extra and name not in own)]
    benchmark, validation = (C, EXTRA) if suite == "c" else (P, P_EXTRA)
    return [*benchmark, *(validation if extra else ())]
