"""Runs that are killed at random and resumed end with the weights of one that was let alone; see kills.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def killed(colours: Path, scratch: Path, kills: int, seed: int, *kinds: str) -> dict[str, int]:
    path = os.pathsep.join(str(folder) for folder in (HERE, HERE.parent / "shared"))
    done = subprocess.run(
        [sys.executable, HERE / "kills.py", colours, scratch, str(kills), str(seed), *kinds],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow  # when a run is killed is chance's, and how long it takes the machine's
def test_some_kills(colours: Path, tmp_path: Path) -> None:
    counts = killed(colours, tmp_path, 3, 0, "kill", "term", "rank 1")
    assert counts["equal"] == counts["runs"] >= 1
    assert "hangs" not in counts and "orphans" not in counts


@pytest.mark.slow
def test_a_hundred_kills(colours: Path, tmp_path: Path) -> None:
    counts = killed(colours, tmp_path, 100, 1)
    assert counts["equal"] == counts["runs"] >= 10
    assert "hangs" not in counts and "orphans" not in counts
