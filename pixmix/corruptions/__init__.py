"""The benchmark corruptions (ImageNet-C, C-bar and P and their CIFAR forms) for any picture; no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixset.lazy import lazy_exports

if TYPE_CHECKING:
    from .base import Corruption
    from .c import EXTRA, C
    from .cbar import CBAR
    from .job import corrupt
    from .p import HARDER, P_EXTRA, P
    from .p_base import Perturbation
    from .sources import Source
    from .suites import SUITES

_HOMES = {
    "C": "c",
    "CBAR": "cbar",
    "Corruption": "base",
    "EXTRA": "c",
    "HARDER": "p",
    "P": "p",
    "P_EXTRA": "p",
    "Perturbation": "p_base",
    "SUITES": "suites",
    "Source": "sources",
    "corrupt": "job",
}
__all__ = [
    "CBAR",
    "EXTRA",
    "HARDER",
    "P_EXTRA",
    "SUITES",
    "C",
    "Corruption",
    "P",
    "Perturbation",
    "Source",
    "corrupt",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
