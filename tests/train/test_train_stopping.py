"""Requests to stop reach the process they are sent to."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, signal
from pixmix.train._runs.stopping import stop_request
with stop_request(alone=False) as request:
    if not os.fork():
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 3, "the worker was ended by its signal"
    {then}
# All that came through the pipe has been read.
"""


def code(then: str) -> int:
    return subprocess.run([sys.executable, "-c", SCRIPT.format(then=then)], timeout=60).returncode


def test_a_signal_to_a_worker_that_has_only_just_started_is_not_the_trainers() -> None:
    assert code("pass") == 0
    assert code("os.kill(os.getpid(), signal.SIGUSR1); signal.pause()") == 75
