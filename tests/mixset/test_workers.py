"""Tasks in worker processes: what an error in the middle leaves behind."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from mixset._common.workers import Step, run


def first_at_once(task: int, step: Step) -> int:
    if task:
        time.sleep(60)
    return task


def test_workers_that_end_before_the_pool_is_shut_down_cost_no_second_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a busy machine: the pool has noticed their end while this process is still on its way to shut it down."""
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    shutdown = ProcessPoolExecutor.shutdown

    def late(pool: Any, **how: Any) -> None:
        pool._executor_manager_thread.join(30)
        shutdown(pool, **how)

    def interrupted(result: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ProcessPoolExecutor, "shutdown", late)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(first_at_once, range(8), interrupted, print, slots=["", ""])
    assert told == []
    assert time.monotonic() - begun < 55, "the workers were waited for"
