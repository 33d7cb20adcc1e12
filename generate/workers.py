"""Tasks over processes that start clean, stop at once with their parent, and leave no one behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import TypeVar

from mixset.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def run(
    work: Callable[[T], R],
    tasks: Sequence[T],
    done: Callable[[R], None],
    *,
    workers: int,
    executor: Executor | None = None,
) -> None:
    """Call `work` on every task, and `done` here with each result as it comes.

    With one worker or one task the work is done in this process. Otherwise in others, for about 5 ms of a fractal hold
    the interpreter's lock; spawned, for forking would copy the caller's threads' locks. When this process is
    interrupted, fails or is killed, its workers end at once.

    Args:
        workers: processes to use.
        executor: where to work instead; it is left running.

    Raises:
        InputError: a worker died.
    """
    workers = min(workers, len(tasks))
    if executor is None and workers <= 1:
        for task in tasks:
            done(work(task))
    elif executor is not None:
        _submit(executor, work, tasks, done)
    else:
        _spawn(work, tasks, done, workers)


def _spawn(work: Callable[[T], R], tasks: Sequence[T], done: Callable[[R], None], workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    ear, leash = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_heed, initargs=(ear,))
    try:
        _submit(pool, work, tasks, done)
    except BrokenProcessPool as error:
        raise InputError("a worker process died (out of memory?): run it again with fewer --workers") from error
    except BaseException:
        leash.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        leash.close()
        ear.close()


def _heed(ear: Connection) -> None:
    """In a worker: end when the other end of the pipe is closed, be it by the parent's will or its death."""

    def listen() -> None:
        ear.poll(None)
        os._exit(1)

    threading.Thread(target=listen, daemon=True).start()


def _submit(executor: Executor, work: Callable[[T], R], tasks: Sequence[T], done: Callable[[R], None]) -> None:
    # Processes are started by `submit` and inherit the mask: Ctrl-C reaches this process alone, which ends the others.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with _without_main():
            futures = [executor.submit(work, task) for task in tasks]
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        for future in as_completed(futures):
            done(future.result())
    finally:
        for future in futures:
            future.cancel()


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
