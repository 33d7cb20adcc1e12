"""The text of job scripts for Slurm."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from mixset._common.errors import counted
from mixset._common.named import slug

from .._ablations.config import AblateConfig
from .._runs.config import TrainConfig, recipe
from .slurm_config import EARLY, SlurmConfig

CORES = 8
"""For each GPU, unless its workers are counted; a training takes as many workers as it finds cores."""
SIGNALS = "SIGTERM,SIGINT,SIGUSR1"
"""What torchrun passes on."""
_SCRIPT = """#!/bin/bash
# {about}
# Submit it in the folder that paths are relative to, with the environment of pixmix active: sbatch job.sh
{directives}
{before}export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"  # which srun does not take over from the job since Slurm 22.05
srun {command} &
step=$!

# Slurm signals this shell {early} seconds before the time is over, and where it warns a job that it pre-empts. The run
# then writes a checkpoint and ends, and the job is queued again. scancel ends it for good.
signalled=
trap 'signalled=1; kill -USR1 "$step"' USR1
wait "$step"
code=$?
while [ "$code" -gt 128 ] && kill -0 "$step" 2>/dev/null; do  # a signal has ended the waiting, not the run
    wait "$step"
    code=$?
done
if [ -n "$signalled" ] && [ "$code" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def training(config: SlurmConfig, run: TrainConfig) -> str:
    """A job that trains, on one machine or several."""
    words = shlex.join([*config.arguments, *([] if run.resume else ["--resume"])])
    command, before = f"pixmix train {words}", ""
    if config.nodes > 1 or config.gpus > 1:
        where, before = _rendezvous(config)
        own = f"--nproc-per-node {max(config.gpus, 1)} --signals-to-handle {SIGNALS}"
        command = f"torchrun {where} \\\n    {own} \\\n    -m pixmix.train {words}"
    cpus = _cores(config, run.workers)
    return _SCRIPT.format(
        about=f"A training of pixmix; its run folder: {run.folder}",
        directives=_directives(config, _job_name(run.folder.name), cpus),
        before=before,
        command=command,
        early=EARLY,
    )


def table(config: SlurmConfig, asked: AblateConfig, cells: Sequence[str]) -> str:
    """An array of jobs, each for as many cells of a table as compute side by side on its machine."""
    arguments, places = list(config.arguments), len(asked.places)
    if config.gpus > 1 and asked.devices == AblateConfig.devices:
        arguments += ["--devices", *(f"cuda:{number}" for number in range(config.gpus))]
        places = config.gpus
    jobs = -(-len(cells) // places)
    names = [", ".join(cells[number::jobs]) for number in range(jobs)]  # as `--part` deals them out
    workers = recipe(asked.trained_by).workers if asked.workers is None else asked.workers
    cpus = _cores(config, workers)
    share = f'--part "$SLURM_ARRAY_TASK_ID/{jobs}"'
    most = "" if config.at_once is None else f"%{config.at_once}"
    notes = [
        "# What cells share is made by whichever comes first; the others wait for it. Where locks do not reach other",
        "# machines, let the first job make it: sbatch --array=1 job.sh, and the rest with --dependency=afterok:JOB.",
        "# A cell that has ended is not done again: after a failure submit the same script once more.",
        f"cells=({shlex.join(names)})",
        'scontrol update JobId="$SLURM_JOB_ID" JobName="${cells[SLURM_ARRAY_TASK_ID - 1]}"',
    ]
    return _SCRIPT.format(
        about=f"Table {asked.table} by pixmix, an array of {counted(jobs, 'job')}; its folder: {asked.folder}",
        directives=_directives(config, f"table-{_job_name(asked.table)}", cpus, f"1-{jobs}{most}"),
        before="\n".join([*notes, "", ""]),
        command=f"pixmix ablate {shlex.join(arguments)} {share}",
        early=EARLY,
    )


def _cores(config: SlurmConfig, workers: int | None) -> int:
    """Of a machine, for all its GPUs' processes."""
    each = config.cpus or (CORES if workers is None else workers + 2)
    return each * max(config.gpus, 1)


def _rendezvous(config: SlurmConfig) -> tuple[str, str]:
    """How the processes of a training meet: torchrun's arguments, and what has to be known before."""
    if config.nodes == 1:
        return "--standalone", ""
    before = (
        'head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)\n'
        "port=$((20000 + SLURM_JOB_ID % 10000))  # of each job another one\n"
        "export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1  # restarts hang now and then in the shared store\n\n"
    )
    where = '--nnodes "$SLURM_NNODES" --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$head:$port"'
    return where, before


def _directives(config: SlurmConfig, name: str, cpus: int, array: str | None = None) -> str:
    given = {
        "job-name": name,
        "array": array,
        "nodes": str(config.nodes),
        "ntasks-per-node": "1",
        "gpus-per-node": str(config.gpus) if config.gpus else None,
        "cpus-per-task": str(cpus),
        "time": config.time,
        "signal": f"B:USR1@{EARLY}",
        "open-mode": "append",
    }
    lines = [f"#SBATCH --{option}={value}" for option, value in given.items() if value is not None]
    return "\n".join([*lines, "#SBATCH --requeue"]) + "\n"


def _job_name(text: str) -> str:
    return slug(text)[:60] or "pixmix"
