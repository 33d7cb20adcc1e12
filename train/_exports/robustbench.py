"""RobustBench's boards of corruptions and of adversaries: the entry of a network and its row of single errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixset._common.errors import InputError


def export(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write the entries of some runs into a folder; returns the files."""
    raise InputError("pixmix export robustbench: is not there yet")
