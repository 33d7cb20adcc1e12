"""Where the float32 measures lie that those in bfloat16 are shown beside."""

from __future__ import annotations

from pathlib import Path

from pixmix._common.precisions import precision_of

from .._runs.records import read_metrics
from .._runs.run_folder import RunFolder
from .config import EvaluateConfig


def in_float32(config: EvaluateConfig) -> Path | None:
    """The run folder of a MODEL that has measures in float32; None where there is none."""
    folder = RunFolder(Path(config.model))
    if not folder.metrics.exists() or precision_of(read_metrics(folder.metrics)) != "float32":
        return None
    return folder.path
