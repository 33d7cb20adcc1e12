"""Writing a checkpoint while training goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor


class Writer:
    """Does one piece of work at a time, in a thread; what went wrong is raised by the next call."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.error: BaseException | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Begin, once the work before has ended; raises what ended that."""
        self.wait()
        self.thread = threading.Thread(target=self._do, args=(work,), name="checkpoint")
        self.thread.start()

    def join(self) -> None:
        """Wait for the work to end, well or not."""
        if self.thread is not None:
            self.thread.join()
            self.thread = None

    def wait(self) -> None:
        """Wait for the work to end; raises what ended it."""
        self.join()
        error, self.error = self.error, None
        if error is not None:
            raise error

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # whatever it is, it belongs to the thread that asked for the work
            self.error = error


def copied(state: Any, known: dict[Any, Tensor] | None = None) -> Any:
    """A checkpoint's dicts, lists and tensors, these in memory of their own on the CPU, where no step changes them.

    Tensors that share their numbers still do: they are written once.

    Args:
        known: of the state that this is a part of, the copies there are.
    """
    known = {} if known is None else known
    if isinstance(state, Tensor):
        place = (state.device, state.data_ptr(), state.dtype, state.shape, state.stride())
        if place not in known:
            known[place] = state.detach().to("cpu", copy=True)
        return known[place]
    if isinstance(state, dict):
        return type(state)((name, copied(value, known)) for name, value in state.items())
    if isinstance(state, list | tuple):
        return type(state)(copied(value, known) for value in state)
    return state
