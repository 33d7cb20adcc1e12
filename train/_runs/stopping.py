"""Ending by SIGTERM or SIGUSR1, as Slurm and machines that are taken away ask for it: a checkpoint, then code 75."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator

CODE = 75
"""The exit code of a run that was stopped and can be resumed (EX_TEMPFAIL of sysexits.h)."""
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
GRACE = 25.0
"""Seconds after SIGTERM within which the processes have to agree to stop; 5 later torchrun kills them."""


class Stopped(SystemExit):
    """The run was asked to stop, and does; exit code 75.

    Args:
        line: what is said of it; empty: nothing.
    """

    def __init__(self, line: str) -> None:
        super().__init__(CODE)
        self.line = line


class StopRequest:
    """Whether this process was asked to stop, and what comes of it.

    Args:
        alone: whether this is the only process: then a request that need not wait unwinds the stack, which ends
            workers and removes partial files. Several may be blocked in a collective call, where Python handles no
            signal: there a thread ends the process, which loses nothing.
    """

    def __init__(self, *, alone: bool) -> None:
        self.alone = alone
        self.asked = False
        self.waits = False
        """Whether the training loop runs, which stops at a step of its own choice."""
        self.agreed = False
        """Whether all processes know of it, and the checkpoint is being written."""

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """In the block a request sets `asked` and no more."""
        self.waits = True
        try:
            yield
        finally:
            self.waits = False

    def handle(self, number: int, frame: object) -> None:
        """The handler of both signals."""
        first, self.asked = not self.asked, True
        if first and self.alone and not self.waits:  # a second one must not interrupt the clean-up
            raise Stopped("stopped: finished work is kept")

    def watch(self, pipe: int) -> None:
        """In a thread: end one of several processes that cannot be asked, or does not get to its next agreement."""
        while received := os.read(pipe, 1):
            if received[0] not in SIGNALS:
                continue
            if not self.waits:
                os._exit(CODE)
            if received[0] == signal.SIGTERM:
                time.sleep(GRACE)
                if not self.agreed:
                    os._exit(CODE)


@contextlib.contextmanager
def stop_request(*, alone: bool) -> Iterator[StopRequest]:
    """Take SIGTERM and SIGUSR1 as requests to stop, in the block; a thread other than the main one gets none."""
    request = StopRequest(alone=alone)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    with contextlib.ExitStack() as stack:
        for number in SIGNALS:
            stack.callback(signal.signal, number, signal.signal(number, request.handle))
        if not alone:
            _start_watch(request, stack)
        try:
            yield request
        except Stopped as stopped:
            if stopped.line:
                print(f"{stopped.line}; exit code {CODE}: the run can be resumed", file=sys.stderr)
            raise


def _start_watch(request: StopRequest, stack: contextlib.ExitStack) -> None:
    """The signal's number arrives in a pipe at once, whatever the main thread is blocked in."""
    _kept_from_forks()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    thread = threading.Thread(target=request.watch, args=(reader,), daemon=True)
    thread.start()
    stack.callback(os.close, reader)
    stack.callback(thread.join, 1)  # the closed pipe ends it
    stack.callback(os.close, writer)
    stack.callback(_watched.discard, writer)
    stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(writer, warn_on_full_buffer=False))
    _watched.add(writer)


_watched = set[int]()
"""The pipes that signals are written to."""
_forking = threading.local()


@functools.cache
def _kept_from_forks() -> None:
    """Keep the pipe from forked processes, which have the handlers, too, until they set others.

    A signal to one, such as the trainer's that ends a loader's worker which has only just started, would be read by
    the trainer as its own.
    """
    os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_forget)


def _block() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _unblock() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _forget() -> None:
    if _watched:
        _watched.clear()
        signal.set_wakeup_fd(-1)
    _unblock()
