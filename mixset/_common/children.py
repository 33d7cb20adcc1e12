"""Child processes that end with their parent, whatever ends it, and leave signals to the whole group to it."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

from .memory import keep_freed_memory

WATCH_INTERVAL = 0.5
"""Seconds between two checks that the parent is alive."""
_PDEATHSIG = 1
"""Linux's PR_SET_PDEATHSIG."""


def end_with_parent(parent: int | None = None, *, main: bool = False) -> None:
    """Exit within a second after the parent process has ended for whatever reason; own workers then end, too.

    Args:
        parent: the parent's process id, if known, since it may have ended before this call.
        main: whether the parent's main thread started this process. Then Linux kills it at once: its signal comes when
            the *thread* that started it ends, so of another thread nothing can be concluded.
    """
    expected = os.getppid() if parent is None else parent
    if main and sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == expected:
            time.sleep(WATCH_INTERVAL)
        os._exit(1)

    if main and os.getppid() != expected:
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


def loader_worker() -> Callable[[int], None]:
    """What a `DataLoader` calls in each worker as it starts (`worker_init_fn`); made in the process that trains.

    A worker ends with this process, keeps freed memory, and of SIGTERM and SIGUSR1 heeds this process's alone: a
    system that stops a job sends them to each of its processes, and a trainer without workers cannot get to its
    checkpoint.
    """
    return partial(_begin, os.getpid(), threading.current_thread() is threading.main_thread())


def _begin(trainer: int, main: bool, worker: int) -> None:
    keep_freed_memory(worker)
    if hasattr(signal, "sigwaitinfo"):
        # Blocked here, and so in every thread that starts later; one thread takes them and knows their sender.
        signals = {signal.SIGTERM, signal.SIGUSR1}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        threading.Thread(target=_heed, args=(trainer, signals), daemon=True).start()
    if os.getppid() == trainer:
        end_with_parent(trainer, main=main)
    elif multiprocessing.get_start_method() != "forkserver":  # whose server is the parent
        os._exit(1)  # the trainer was killed while this process began


def _heed(trainer: int, signals: set[signal.Signals]) -> None:
    while True:
        received = signal.sigwaitinfo(signals)
        if received.si_pid == trainer and received.si_signo == signal.SIGTERM:
            os._exit(0)
