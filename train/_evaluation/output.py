"""The folder of an evaluation: whose measures it holds, and what may join them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixset._common.errors import InputError
from pixmix._common.precisions import EvalPrecision, precision_of

from .._runs.records import read_metrics
from .._runs.run_folder import RunFolder, write_json


@dataclass(frozen=True, kw_only=True)
class Output:
    """A folder for `metrics.json` and `logits/`, with the measures that it has."""

    folder: Path
    before: Mapping[str, Any]
    """The content of `metrics.json`; empty where there is none."""

    @property
    def logits(self) -> Path:
        """Where logits are kept."""
        return self.folder / "logits"

    def holds_run(self) -> bool:
        """Whether it is the folder of a run, be it trained to the end or not."""
        return RunFolder(self.folder).config.exists()

    def check(self, about: Mapping[str, Any]) -> None:
        """InputError where the folder holds measures of something else than what `about` describes."""
        for name, value in about.items():
            if name != "model" and name in self.before and self.before[name] != value:
                held, new = self.before[name], value
                if name == "network":
                    held, new = self.before.get("model"), f"{about['model']} as it is now"
                raise InputError(f"{self.folder}: holds measures of {name} {held}, not {new}; choose another `out`")

    def check_precision(self, precision: EvalPrecision) -> None:
        """InputError where the folder holds measures in another number format, which stand in no table beside these."""
        if self.before and (held := precision_of(self.before)) != precision:
            raise InputError(f"{self.folder}: holds measures in {held}, not {precision}; choose another `out`")

    def check_board(self, robustbench: bool) -> None:
        """InputError where the folder holds measures of all images and RobustBench's are asked for, or the opposite."""
        if self.before and bool(self.before.get("robustbench")) != robustbench:
            held = "all images" if robustbench else "RobustBench's 5,000 images"
            raise InputError(f"{self.folder}: holds measures of {held}; choose another `out`")

    def write(self, measured: Mapping[str, Any]) -> dict[str, Any]:
        """Add measures to those of before; returns all."""
        metrics = {**self.before, **measured}
        write_json(RunFolder(self.folder).metrics, metrics)
        return metrics


def open_output(folder: Path) -> Output:
    """The folder of an evaluation; InputError where its `metrics.json` cannot be read."""
    path = RunFolder(folder).metrics
    return Output(folder=folder, before=read_metrics(path) if path.exists() else {})
