"""Runs that are killed and resumed end with the weights of one that was let alone; see kills.py and restarts.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def outcome(program: str, *arguments: object) -> dict[str, Any]:
    path = os.pathsep.join(str(folder) for folder in (HERE, HERE.parent / "shared"))
    done = subprocess.run(
        [sys.executable, HERE / program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def all_is_well(counts: dict[str, Any]) -> bool:
    return counts["equal"] == counts["runs"] and not {"hangs", "orphans", "crashes", "leftovers"} & {*counts}


@pytest.mark.slow  # when a run is killed is chance's, and how long it takes the machine's
def test_some_kills(colours: Path, tmp_path: Path) -> None:
    counts = outcome("kills.py", colours, tmp_path, 3, 0, "kill", "term", "rank 1", "averaged")
    assert all_is_well(counts), counts


@pytest.mark.slow
def test_a_hundred_kills(colours: Path, tmp_path: Path) -> None:
    counts = outcome("kills.py", colours, tmp_path, 100, 1)
    assert all_is_well(counts), counts
    assert counts["runs"] >= 10


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "kills"), [(1, 2), (2, 3)])
def test_torchrun_starts_killed_processes_again(colours: Path, tmp_path: Path, nodes: int, kills: int) -> None:
    found = outcome("restarts.py", colours, tmp_path, kills, 0, nodes)
    assert (len(found["seconds"]), found["codes"], found["equal"]) == (kills, [0] * nodes, True)
