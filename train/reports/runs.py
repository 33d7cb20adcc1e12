"""What the page knows of a run, read from its folder once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixset.arrays import read_archive
from mixset.errors import InputError

from ..run_folder import RunFolder, read_json


@dataclass(frozen=True)
class Run:
    """A run, or a network that was only measured: that has no config, no versions and no log."""

    name: str
    config: dict[str, Any] | None
    versions: dict[str, str]
    """Of the packages it was trained with."""
    metrics: dict[str, Any]
    log: list[dict[str, Any]]
    folder: RunFolder

    def value(self, *path: str) -> float | None:
        """The value that lies under these names in `metrics.json`; None where it was not measured."""
        part = self.entry(*path)
        value = part.get("value")
        return float(value) if isinstance(value, int | float) else None

    def entry(self, *path: str) -> dict[str, Any]:
        """What lies under these names in `metrics.json`; empty where it was not measured."""
        part: Any = self.metrics
        for name in path:
            part = part.get(name, {}) if isinstance(part, dict) else {}
        return part if isinstance(part, dict) else {}

    def logits(self, name: str) -> np.ndarray | str:
        """The (N, classes) logits kept as `logits/NAME.npz`, or the reason why there are none, in words."""
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
    described: dict[str, Any] = {}
    if folder.config.exists() or not folder.metrics.exists():
        described = read_json(folder.config)
    metrics = read_json(folder.metrics)
    for file, content in ((folder.config, described), (folder.metrics, metrics)):
        if not isinstance(content, dict):
            raise InputError(f"{file}: is not what pixmix writes; name a run folder")
    try:
        log = list(folder.entries())
    except ValueError as error:
        raise InputError(f"{folder.log}: damaged ({error})") from None
    return Run(name, described.get("config"), described.get("versions", {}), metrics, log, folder)


def names_for(paths: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of their parents as it takes to tell them apart."""
    resolved = [path.resolve() for path in paths]
    for depth in range(1, max(len(path.parts) for path in resolved) + 1):
        names = ["/".join(path.parts[-depth:]) for path in resolved]
        if len(set(names)) == len({*resolved}):
            break
    return names
