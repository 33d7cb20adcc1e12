"""The suites of corruptions by name: which of them a benchmark has, for images of a size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mixset._common.errors import InputError

from .._c.frost import FROST, find_frost, frost
from .._c.suite import C_CORRECTED, EXTRA, C
from .._cbar.suite import CBAR, CIFAR_CBAR, IMAGENET_CBAR
from .._p.base import Perturbation
from .._p.suite import HARDER, P_CORRECTED, P_EXTRA, P
from .._shared.base import SMALL, Corruption

SUITES: dict[str, Mapping[str, Corruption | Perturbation]] = {
    "c": {**C, **EXTRA, **C_CORRECTED},
    "cbar": CBAR,
    "p": {**P, **P_EXTRA, **HARDER, **P_CORRECTED},
}
"""All that is known of each; `members` has those of the benchmarks."""


def members(
    suite: str, size: int, *, names: Sequence[str] = (), extra: bool = False, frost_folder: Path | None = None
) -> list[Corruption | Perturbation]:
    """Those of a suite to make.

    Args:
        suite: one of `SUITES`.
        size: side of the images; C-bar has other ten corruptions for CIFAR's than for ImageNet's.
        names: these, in this order; none for the benchmark's own.
        extra: with the benchmark's own the others of its suite, but for the harder noises of P and corrected forms.
        frost_folder: where the photographs of frost are.

    Raises:
        InputError: an unknown suite or name, or frost is to be made and its photographs are not there.
    """
    if suite not in SUITES:
        raise InputError(f"--suite {suite}: unknown; the suites are {', '.join(SUITES)}")
    known = SUITES[suite]
    for name in names:
        if name not in known:
            raise InputError(f"--corruptions {name}: not in suite {suite}, which has {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(names) or standard(suite, size, extra=extra)]
    if FROST not in chosen:
        return chosen
    find_frost(frost_folder)
    return [frost(frost_folder) if member is FROST else member for member in chosen]


def standard(suite: str, size: int, *, extra: bool = False) -> list[str]:
    """The names of a benchmark's own corruptions; with `extra` the suite's others, too, as the original makes them."""
    if suite == "cbar":
        own, other = (CIFAR_CBAR, IMAGENET_CBAR) if size <= SMALL else (IMAGENET_CBAR, CIFAR_CBAR)
        return [*own, *(name for name in other if extra and name not in own)]
    benchmark, validation = (C, EXTRA) if suite == "c" else (P, P_EXTRA)
    return [*benchmark, *(validation if extra else ())]
