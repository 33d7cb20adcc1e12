"""Waiting for other processes, and seeing which are there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def wait_for(what: Callable[[], object], seconds: float = 60) -> Any:
    """What `what` returns, as soon as that is true."""
    end = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < end, f"it did not happen within {seconds} seconds"
        time.sleep(0.002)
    return result


def alive(process: int) -> bool:
    """Whether a process of this number is there; a zombie is not."""
    return _session_of(process) is not None


def session(number: int) -> list[int]:
    """The processes of a session, zombies left out."""
    processes = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [process for process in processes if _session_of(process) == number]


def _session_of(process: int) -> int | None:
    """None of a process that has ended, be it still listed as a zombie."""
    with contextlib.suppress(OSError):
        state, _, _, number = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:4]
        return None if state == "Z" else int(number)
    return None
