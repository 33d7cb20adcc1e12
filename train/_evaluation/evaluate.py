"""`pixmix evaluate`: what is measured on what is resolved, then measured, then written."""

from __future__ import annotations

import contextlib
from typing import Any

from .._runs.processes import processes, torch_state_kept
from .._runs.run_folder import owned
from .config import EvaluateConfig
from .output import open_output
from .resolve import resolve


def evaluate(config: EvaluateConfig) -> dict[str, Any] | None:
    """Measure what `config` names and write `metrics.json`; measures that are there already stay.

    Under `torchrun` each process calls this; the first one writes.

    Returns:
        The content of `metrics.json`; None in processes other than the first.

    Raises:
        InputError: anything in the config that cannot be, found before anything is measured; a folder that holds
            measures of something else.
    """
    with processes(config.device) as mine, torch_state_kept(mine.device), contextlib.ExitStack() as stack:
        if mine.leads:
            stack.enter_context(owned(config.folder, "folder"))
        output = open_output(config.folder)
        subject = resolve(config, output)
        measured = subject.measure(mine.device)
        return output.write({**subject.about, **measured}) if mine.leads else None
