"""A stand-in for Slurm: sbatch runs a job at once, and again while it asks for that; srun starts its command once a
node, all on this machine, and writes down its cores; scontrol writes down what it is told."""

from __future__ import annotations

import os
from pathlib import Path

SBATCH = r"""#!/bin/bash
nodes=$(sed -n 's/^#SBATCH --nodes=//p' "$1")
jobs=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\).*/\1/p' "$1")
for job in $(seq 1 "${jobs:-1}"); do
    export SLURM_JOB_ID=$((4000 + $$ % 1000 + job)) SLURM_ARRAY_TASK_ID=$job
    export SLURM_CPUS_PER_TASK=$(sed -n 's/^#SBATCH --cpus-per-task=//p' "$1")
    export SLURM_NNODES=$nodes SLURM_JOB_NODELIST="node[1-$nodes]"
    while :; do
        rm -f "$STATE/requeue"
        bash "$1" &
        echo $! > "$STATE/shell"
        wait $!
        echo $? >> "$STATE/codes"
        [ -e "$STATE/requeue" ] || break
    done
done
"""
SRUN = r"""#!/bin/bash
trap 'kill -USR1 "${tasks[@]}"' USR1
echo "$SRUN_CPUS_PER_TASK" >> "$STATE/cores"
for node in $(seq 1 "$SLURM_NNODES"); do
    "$@" &
    tasks+=($!)
done
code=0
for task in "${tasks[@]}"; do
    wait "$task"
    own=$?
    while [ "$own" -gt 128 ] && kill -0 "$task" 2>/dev/null; do
        wait "$task"
        own=$?
    done
    [ "$own" -gt "$code" ] && code=$own
done
exit "$code"
"""
SCONTROL = r"""#!/bin/bash
case "$1" in
    show) for node in $(seq 1 "$SLURM_NNODES"); do echo localhost; done ;;
    requeue) [ "$2" = "$SLURM_JOB_ID" ] && touch "$STATE/requeue" ;;
    *) echo "$@" >> "$STATE/told" ;;
esac
"""


class Slurm:
    """Its commands in a folder of their own, to be put first on the path.

    Args:
        folder: for them and for what they keep.
    """

    def __init__(self, folder: Path) -> None:
        self.bin, self.state = folder / "bin", folder / "state"
        self.bin.mkdir()
        self.state.mkdir()
        for name, text in (("sbatch", SBATCH), ("srun", SRUN), ("scontrol", SCONTROL)):
            self.program(name, text)

    def program(self, name: str, text: str) -> None:
        """A program on the path."""
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def environment(self, *folders: Path) -> dict[str, str]:
        """Of a process that finds them, and the programs in `folders` after them."""
        places = [self.bin, *folders, os.environ["PATH"]]
        return {**os.environ, "STATE": str(self.state), "PATH": ":".join(map(str, places)), "OMP_NUM_THREADS": "1"}

    def kept(self, name: str) -> list[str]:
        """The lines that were written down under a name."""
        path = self.state / name
        return path.read_text().splitlines() if path.exists() else []
