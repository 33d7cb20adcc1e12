"""The suites of corruptions by name, and which corruptions belong to the benchmark for an image size."""

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
"""Suite → name → corruption, including those that are not part of the benchmark; see `members`."""


def members(
    suite: str, size: int, *, names: Sequence[str] = (), extra: bool = False, frost_folder: Path | None = None
) -> list[Corruption | Perturbation]:
    """Select corruptions of a suite.

    Args:
        suite: one of `SUITES`.
        size: side of the images in pixels; C̄ has ten corruptions for CIFAR and another ten for ImageNet.
        names: the corruptions in this order; default: those of the benchmark.
        extra: add the suite's others to the benchmark's, except for the harder noises of P and corrected versions.
        frost_folder: the folder with the photographs of frost.

    Raises:
        InputError: a suite or name is unknown, or frost is selected and its photographs are missing.
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
    """The names of the benchmark's corruptions; with `extra`, also the others that its original code makes."""
    if suite == "cbar":
        own, other = (CIFAR_CBAR, IMAGENET_CBAR) if size <= SMALL else (IMAGENET_CBAR, CIFAR_CBAR)
        return [*own, *(name for name in other if extra and name not in own)]
    benchmark, validation = (C, EXTRA) if suite == "c" else (P, P_EXTRA)
    return [*benchmark, *(validation if extra else ())]
