"""Tasks for the tests of the runner, done by `ablate_program`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pixmix.train._ablations.plan import Plan, Task


def task(root: Path, name: str, *, what: str = "make", needs: Sequence[str] = (), on_device: bool = True) -> Task:
    result = root / name.replace("/", "-")
    return Task(
        name=name,
        command=("program", what, str(result), "flag"),
        parts={"all": ("flag",)},
        result=result,
        needs=tuple(needs),
        on_device=on_device,
    )


def plan_of(*tasks: Task) -> Plan:
    return Plan({one.name: one for one in tasks})
