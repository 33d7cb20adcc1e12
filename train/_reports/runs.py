"""What the page shows of a run, read from its folder once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError, printable

from .._runs.records import read_config, read_log, read_metrics
from .._runs.run_folder import RunFolder


@dataclass(frozen=True)
class Run:
    """A run, or an evaluation of a network, which has no config, no versions and no log."""

    name: str
    config: dict[str, Any] | None
    versions: dict[str, str]
    """Versions of the packages that it was trained with, by name."""
    metrics: dict[str, Any]
    log: list[dict[str, Any]]
    folder: RunFolder

    def value(self, *path: str) -> float | None:
        """The value at this path in `metrics.json`; None where it was not measured."""
        value = self.entry(*path).get("value", math.nan)
        return float(value) if math.isfinite(value) else None

    def entry(self, *path: str) -> dict[str, Any]:
        """The entry at this path in `metrics.json`; empty where it was not measured."""
        part: Any = self.metrics
        for name in path:
            part = part.get(name, {}) if isinstance(part, dict) else {}
        return part if isinstance(part, dict) else {}

    def logits(self, name: str) -> np.ndarray | str:
        """The (N, classes) logits kept as `logits/NAME.npz`, or in words why there are none."""
        path = self.folder.logits / f"{name}.npz"
        if not path.exists():
            return f"logits/{path.name} is not in its folder"
        try:
            return read_archive(path, path.name, "")["logits"]
        except (InputError, KeyError):
            return f"logits/{path.name} is damaged"


def read_run(path: Path, name: str) -> Run:
    """Read a run folder, or the folder of an evaluation.

    Raises:
        InputError: no `metrics.json` there, or a damaged file.
    """
    folder = RunFolder(path)
    stored: dict[str, Any] = {}
    if folder.config.exists() or not folder.metrics.exists():
        stored = read_config(folder.config)
    metrics, log = read_metrics(folder.metrics), read_log(folder.log)
    return Run(printable(name), stored.get("config"), stored.get("versions", {}), metrics, log, folder)


def names_for(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of their parents as it takes to tell them apart."""
    resolved = [path.resolve() for path in paths]
    for depth in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["/".join(path.parts[-depth:]) for path in resolved]
        if len(set(names)) == len({*resolved}):
            break
    return names
