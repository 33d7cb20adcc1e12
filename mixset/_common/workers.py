"""Tasks over processes that start clean, stop at once with their parent, and leave no one behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from .errors import InputError

T = TypeVar("T")
R = TypeVar("R")
Step = Callable[[int], object]
"""Told by a task as it gets on, with a number of the task's own choice."""
Work = Callable[[T, Step], R]


def run(
    work: Work[T, R],
    tasks: Sequence[T],
    done: Callable[[R], None],
    step: Step,
    *,
    seats: Sequence[str],
    executor: Executor | None = None,
) -> None:
    """Call `work` on every task, and `done` here with each result as it comes.

    With one seat or one task the work is done in this process. Otherwise in others, for about 5 ms of a fractal hold
    the interpreter's lock; spawned, for forking would copy the caller's threads' locks. When this process is
    interrupted, fails or is killed, its workers end at once.

    Args:
        work: called with a task and a function to tell of its steps.
        step: called here for each step; an executor's tasks tell of none.
        seats: for each process to use the device it has for its life; see `seat`.
        executor: where to work instead; it is left running.

    Raises:
        InputError: a worker died.
    """
    seats = seats[: len(tasks)]
    if executor is not None:
        _work_off(executor, work, tasks, done, step, _silent, queue.SimpleQueue())
    elif len(seats) <= 1:
        for task in tasks:
            done(work(task, step))
    else:
        _spawn(work, tasks, done, step, seats)


def seat() -> str | None:
    """The device that this process is bound to as a worker, if it is one."""
    return _seat


_seat: str | None = None
_mouth: Connection | None = None


def take_seat(device: str) -> None:
    """Bind this process to a device; what an executor's workers do once, as they start."""
    global _seat
    _seat = device


def _silent(number: int) -> None:
    pass


def _tell(number: int) -> None:
    assert _mouth is not None
    # One write far below PIPE_BUF: whole or not at all, without a lock that a killed worker could hold for ever.
    _mouth.send(number)


def _spawn(work: Work[T, R], tasks: Sequence[T], done: Callable[[R], None], step: Step, seats: Sequence[str]) -> None:
    context = multiprocessing.get_context("spawn")
    leashed, leash = context.Pipe(duplex=False)
    ear, mouth = context.Pipe(duplex=False)
    free = context.SimpleQueue()
    for device in seats:
        free.put(device)
    events: queue.SimpleQueue[Any] = queue.SimpleQueue()
    pool = ProcessPoolExecutor(len(seats), mp_context=context, initializer=_begin, initargs=(leashed, mouth, free))
    try:
        threading.Thread(target=_listen, args=(ear, events), daemon=True).start()
        _work_off(pool, work, tasks, done, step, _tell, events)
    except BrokenProcessPool as error:
        raise InputError("a worker process died (out of memory?): run it again with fewer --workers") from error
    except BaseException:
        leash.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for end in (leash, leashed, mouth):
            end.close()
        free.close()


def _begin(leashed: Connection, mouth: Connection, free: SimpleQueue[str]) -> None:
    """In a worker: take a seat, and end when the leash is let go, be it by the parent's will or its death."""

    def heed() -> None:
        leashed.poll(None)
        os._exit(1)

    threading.Thread(target=heed, daemon=True).start()
    global _mouth
    _mouth = mouth
    take_seat(free.get())


def end_with_parent(parent: int | None = None) -> None:
    """End this process within a second of its parent's end, however that came; its own workers follow it.

    Args:
        parent: the process that started this one, where it is known: it may have ended before this call.
    """
    expected = os.getppid() if parent is None else parent

    def heed() -> None:
        while os.getppid() == expected:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=heed, daemon=True).start()


LOOK = 0.5
"""Seconds from one look at the parent to the next; Linux alone would tell of its death."""


def _listen(ear: Connection, events: queue.SimpleQueue[Any]) -> None:
    """Pass on what the workers tell until they and the parent have closed their ends."""
    with ear, contextlib.suppress(EOFError, OSError):
        while True:
            events.put(ear.recv())


def _work_off(
    executor: Executor,
    work: Work[T, R],
    tasks: Sequence[T],
    done: Callable[[R], None],
    step: Step,
    tell: Step,
    events: queue.SimpleQueue[Any],
) -> None:
    """Have all tasks done; each that ends is an event, as is each step that comes from `tell`."""
    futures: list[Future[R]] = []
    try:
        # `submit` starts processes, which inherit the mask: Ctrl-C reaches this process alone, which ends the others.
        with without_interrupts(), _without_main():
            for task in tasks:
                futures.append(executor.submit(work, task, tell))
                futures[-1].add_done_callback(events.put)
        left = len(futures)
        while left:
            event = events.get()
            if isinstance(event, Future):
                left -= 1
                done(event.result())
            else:
                step(event)
    finally:
        for future in futures:
            future.cancel()


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back; threads and processes that are started within never get it."""
    resource_tracker.ensure_running()  # which the first process would start, and let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the caller's script from spawned processes, which would run it again unless it guards against that.

    They need nothing from it, and a script that asks for the default set in its first line would hang on its lock.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
