"""What `pixmix slurm` is asked: the job, and the command that runs in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import tyro

from mixset._common.errors import InputError
from mixset._common.flags import flags_of
from mixset._common.parsing import parse
from mixset._common.ranges import Range, check_ranges

EARLY = 120
"""Seconds before a job's end at which it is signalled."""
JOB: dict[str, Range] = {"nodes": (1, 10_000), "gpus": (0, 64), "cpus": (1, 1000), "at_once": (1, 10_000)}


@dataclass(frozen=True, kw_only=True)
class SlurmConfig:
    """Print a job script for Slurm, to read, to edit and to submit with sbatch.

    The script resumes the run, asks for a signal two minutes before its time is over, has the run write a checkpoint
    then, and queues itself again. What follows `train` or `ablate` is that command's, and is looked at now. A table is
    an array of jobs on one folder, each with a cell for each GPU.

    Examples:
        pixmix slurm train cifar10 --method pixmix --mixing-set fractals > job.sh
        pixmix slurm train folder:imagenet --recipe imagenet --nodes 2 --gpus 8 --time 12:00:00 > job.sh
        pixmix slurm ablate 1 --seeds 0 1 2 --at-once 4 > job.sh
    """

    program: Annotated[tyro.conf.Positional[Literal["train", "ablate"]], tyro.conf.arg(metavar="PROGRAM")]
    """What runs in the job: train or ablate, followed by its own arguments."""
    nodes: int = 1
    """Machines that train together."""
    gpus: int = 1
    """GPUs of each machine, with a process each for train and a cell each for ablate; 0 for a job without."""
    cpus: int | None = None
    """CPU cores for each GPU; by default two more than --workers says, or 8."""
    time: str = "24:00:00"
    """Longest time until the job is queued again, as sbatch takes it."""
    at_once: int | None = None
    """Jobs of an array that may run side by side; by default as many as there is room for."""
    arguments: tyro.conf.Suppress[tuple[str, ...]] = ()
    """Of the program."""

    def __post_init__(self) -> None:
        check_ranges(self, JOB)
        if not self.time or not set(self.time) <= set("0123456789-:"):
            raise InputError(f"time: must be like 90 (minutes), 24:00:00 or 2-12:00:00, got {self.time!r}")
        if _seconds(self.time) <= EARLY:
            raise InputError(
                f"time {self.time}: is over before the run can be told to end, {EARLY} s before; give more"
            )
        if self.program == "train" and self.at_once is not None:
            raise InputError("at_once: is for the jobs of a table; leave it out")
        if self.program == "ablate" and self.nodes > 1:
            raise InputError("nodes: a table is an array of jobs, each on one machine; leave it out")


def _seconds(text: str) -> int:
    """How long a time of sbatch's is: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S; 0 for other words, which sbatch refuses."""
    days, dash, rest = text.rpartition("-")
    fields = rest.split(":")
    if not all(field.isdecimal() for field in fields) or len(fields) > 3 or (dash and not days.isdecimal()):
        return 0
    numbers = [int(field) for field in fields]
    units = (3600, 60, 1) if dash or len(numbers) == 3 else (60, 1)
    return 86_400 * int(days or 0) + sum(unit * number for unit, number in zip(units, numbers, strict=False))


def slurm_config(arguments: Sequence[str]) -> SlurmConfig:
    """What `pixmix slurm` is asked; the program's arguments are parsed when the script is made."""
    own, others = _split(arguments)
    config = parse(SlurmConfig, "pixmix slurm", own)
    return replace(config, arguments=tuple(others))


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The first word and flags of ours, with their values; and what is left, which is the program's."""
    if not arguments or "--help" in arguments or "-h" in arguments:
        return list(arguments), []
    names = {flag.name for flag in flags_of(SlurmConfig) if not flag.positional}
    own, others, words = [arguments[0]], list[str](), iter(arguments[1:])
    for word in words:
        if word.partition("=")[0].replace("_", "-") not in names:
            others.append(word)
            continue
        own.append(word)
        if "=" not in word:
            own += [value for value in [next(words, None)] if value is not None]
    return own, others
