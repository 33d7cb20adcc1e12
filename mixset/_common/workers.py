"""Running tasks in worker processes that are spawned afresh and always end with their parent."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from . import named
from .errors import InputError
from .memory import keep_freed_memory

T = TypeVar("T")
R = TypeVar("R")
Step = Callable[[int], object]
"""A progress callback, called by a task with a number of its choice."""
Work = Callable[[T, Step], R]


def run(
    work: Work[T, R],
    tasks: Sequence[T],
    on_result: Callable[[R], None],
    on_step: Step,
    *,
    slots: Sequence[str],
    executor: Executor | None = None,
) -> None:
    """Call `work` on every task, and `on_result` in this process with each result as it arrives.

    With one slot or one task, everything runs in this process. Otherwise each slot gets a process, since threads
    would share the interpreter lock, which about 5 ms of each fractal hold; processes are spawned, since forking would
    copy locks held by the caller's threads. When this process is interrupted, fails or is killed, its workers end.

    Args:
        work: called with a task and a callback for its progress.
        tasks: the tasks; they and the results must pickle.
        on_result: called in this process with each result.
        on_step: called in this process for each progress report; tasks of an `executor` send none.
        slots: the device of each worker process; see `bound_device`.
        executor: runs the tasks instead of new processes; it is not shut down.

    Raises:
        InputError: a worker died.
    """
    slots = slots[: len(tasks)]
    if executor is not None:
        futures: list[Future[R]] = []

        def submit(task: T) -> Future[R]:
            futures.append(executor.submit(_unpacked, work, named.pack(task), _send_nothing))
            return futures[-1]

        try:
            _run_all(submit, tasks, on_result, on_step, queue.SimpleQueue())
        finally:
            for future in futures:
                future.cancel()
    elif len(slots) <= 1:
        for task in tasks:
            on_result(work(task, on_step))
    else:
        _spawn(work, tasks, on_result, on_step, slots)


def bound_device() -> str | None:
    """The device that this worker process is bound to, or None if it is not bound to one."""
    return _device


_device: str | None = None
_steps: Connection | None = None
"""The worker's end of the pipe for progress reports."""


def bind_device(device: str) -> None:
    """Bind this worker process to a device; called once, when it starts."""
    global _device
    _device = device


def _send_nothing(number: int) -> None:
    pass


def _send_step(number: int) -> None:
    assert _steps is not None
    # A single write below PIPE_BUF is atomic, so no lock is needed that a killed worker could hold for ever.
    _steps.send(number)


def _spawn(
    work: Work[T, R], tasks: Sequence[T], on_result: Callable[[R], None], on_step: Step, slots: Sequence[str]
) -> None:
    context = multiprocessing.get_context("spawn")
    parent_watch, parent_end = context.Pipe(duplex=False)
    receiver, sender = context.Pipe(duplex=False)
    devices = context.SimpleQueue()
    for device in slots:
        devices.put(device)
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    initargs = (parent_watch, sender, devices)
    pool = ProcessPoolExecutor(len(slots), mp_context=context, initializer=_start_worker, initargs=initargs)

    def submit(task: T) -> Future[R]:
        return pool.submit(_unpacked, work, named.pack(task), _send_step)

    try:
        with without_interrupts():
            threading.Thread(target=_forward, args=(receiver, events), daemon=True).start()
        _run_all(submit, tasks, on_result, on_step, events)
    except BrokenProcessPool as error:
        raise InputError("a worker process died (out of memory?): run it again with fewer `workers`") from error
    except BaseException:
        parent_end.close()
        raise
    finally:
        # The pool's thread cancels what is left. A future cancelled here, while that thread marks all as failed since a
        # worker has ended, would make it raise, print a traceback and leave the other workers alone.
        pool.shutdown(wait=True, cancel_futures=True)
        for end in (parent_end, parent_watch, sender):
            end.close()
        devices.close()


def _start_worker(parent_watch: Connection, sender: Connection, devices: SimpleQueue[str]) -> None:
    """Initialise a worker: bind it to a device, and exit once the parent closes its end of the pipe or dies."""

    def watch() -> None:
        parent_watch.poll(None)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    global _steps
    _steps = sender
    bind_device(devices.get())
    keep_freed_memory()


def _unpacked(work: Work[T, R], packed: bytes, step: Step) -> R:
    """In a worker: what the task is made of may be of the user's code, which has to be imported first."""
    return work(named.unpack(packed), step)


def _forward(receiver: Connection, events: queue.SimpleQueue[Any]) -> None:
    """Forward the workers' progress reports as events until every sending end is closed."""
    with receiver, contextlib.suppress(EOFError, OSError):
        while True:
            events.put(receiver.recv())


def _run_all(
    submit: Callable[[T], Future[R]],
    tasks: Sequence[T],
    on_result: Callable[[R], None],
    on_step: Step,
    events: queue.SimpleQueue[Any],
) -> None:
    """Submit all tasks and handle events until all have ended: finished futures, and numbers that workers send."""
    # `submit` starts processes, which inherit the signal mask: only this process gets Ctrl-C, and ends the others.
    with without_interrupts(), _without_main():
        for task in tasks:
            submit(task).add_done_callback(events.put)
    pending = len(tasks)
    while pending:
        event = events.get()
        if isinstance(event, Future):
            pending -= 1
            on_result(event.result())
        else:
            on_step(event)


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Block Ctrl-C (SIGINT) in the block; threads and processes started in it never receive it."""
    resource_tracker.ensure_running()  # else the first process starts it, which unblocks SIGINT
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the caller's script from spawned processes, which would import it and so run it again if it is unguarded.

    They need nothing from it, and a script that makes the default set in its first line would wait for its own lock.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
