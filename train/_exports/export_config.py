"""`pixmix export`: what is written for which board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mixset._common.errors import InputError, perhaps

from .kinds import KINDS


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Write what was measured in the form that a public board takes.

    Examples:
        pixmix export robustbench runs/cifar10-pixmix-0
        pixmix export openood runs/cifar10-pixmix-0 runs/cifar10-pixmix-1 runs/cifar10-pixmix-2
    """

    kind: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="BOARD")]
    """The board: robustbench (the JSON of its model_info and the row of its CSV), openood (the rows of its boards'
    CSV, of runs that differ in their seed the mean and the spread)."""
    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN ...")]
    """Folders of runs or of evaluations by `pixmix evaluate`."""
    out: Path = Path("export")
    """Where the result goes: a folder for the board's files."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            known = ", ".join(KINDS)
            raise InputError(f"pixmix export {self.kind}: no such board{perhaps(self.kind, KINDS)}; known: {known}")
        if not self.runs:
            raise InputError("pixmix export: name at least one run")
