"""The training's loader: batches in the plan's order, made ahead by worker processes in memory that they share."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from mixset._common.children import loader_worker
from mixset._common.errors import InputError

from .._runs.processes import own_cores
from .batches import Batch, BatchPlan, TrainingSet
from .loader_worker import Done, Part, send_part, work
from .ring import Form, Ring
from .waiting import MUCH, Waiting, remedy

PART = 32
"""Images from files that a worker makes at a time: few, so that the first batch is there soon, and little waits."""
MOST_PARTS = 64
"""Of a batch: no pipe is ever full, so nobody waits for another who waits for him."""
MOST_SLOTS, ROOM = 8, 1 << 29
"""Batches that are made ahead, at most so many in so many bytes, unless there are workers for more."""
MOST_HELD = 3
"""Batches that the device may still copy from; a host further ahead of it would leave the workers no slots."""

SECONDS = 5.0
"""How long a worker has to end."""


class Loader:
    """Batches of a plan's epoch in this process; the base of the one with workers."""

    def __init__(self, images: TrainingSet, plan: BatchPlan) -> None:
        self.images, self.plan = images, plan
        self.waiting = Waiting(images.device)
        self.workers = 0
        self.seconds = self.processor = 0.0
        """What the workers took for their parts, by the clock and of their processors' time."""

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the plan's epoch from its start on.

        The images of a batch are good until the next is asked for.

        Raises:
            InputError: a method's images cannot be made; or a worker has died.
        """
        plan, resident = self.plan, self.images.resident is not None
        for indices in plan.parts(plan.epoch, plan.start, plan.steps - plan.start):
            if resident:
                yield self.images.batch(plan.epoch, indices)
                continue
            self.waiting.begin()
            batch = self.images.batch(plan.epoch, indices)
            if self.images.device.type == "cuda" and batch.images is not None:
                batch = batch._replace(images=batch.images.pin_memory())
            self.waiting.end()
            yield batch

    def advice(self, share: float) -> str:
        """What to say of the share of an epoch that was waited for data; nothing where that is little."""
        if share < MUCH:
            return ""
        busy = self.processor / self.seconds if self.seconds else 1.0
        return f"waited for data {share:.0%} of the time ({remedy(workers=self.workers, cores=own_cores(), busy=busy)})"

    def close(self) -> None:
        """End what the loader has started."""


class RingLoader(Loader):
    """Batches made ahead by `workers` processes, each the same as without them.

    Every free slot of the ring is given out at once, in parts, to whichever worker is free first: workers stop only
    where all slots are full.
    """

    def __init__(self, images: TrainingSet, plan: BatchPlan, workers: int, epochs: int = 0) -> None:
        super().__init__(images, plan)
        self.epochs = epochs
        self.ring = Ring(form_of(images, plan, workers))
        self.workers = workers
        context = multiprocessing.get_context()
        receive, self._parts = context.Pipe(duplex=False)
        self._results: list[Connection] = []
        self._processes: list[Any] = []
        begin = loader_worker()
        for number in range(workers):
            result, send = context.Pipe(duplex=False)
            arguments = (number, begin, images, self.ring, (receive, send))
            process = context.Process(target=work, args=arguments, daemon=True)
            process.start()
            send.close()
            self._results.append(result)
            self._processes.append(process)
        receive.close()
        shared = (self.ring, (self._parts, *self._results), self._processes)
        self._finalizer = weakref.finalize(self, _end, os.getpid(), *shared)
        if images.device.type == "cuda":
            self.ring.pin()
        self._free = deque(range(self.ring.form.slots))
        self._held: deque[tuple[int, Any]] = deque()
        """Slots that the device may still copy from, each with the event after which it does not."""
        self._missing: dict[int, int] = {}
        """How many parts of each slot that is given out are not made yet."""
        self._broken: dict[int, list] = {}
        self._out: deque[tuple[int, int]] = deque()
        """Slots given out, in the order of their steps, each with the number of its images."""
        self._next: tuple[int, int] | None = None
        """Epoch and step of the first of them."""
        self._todo: Iterator[tuple[int, np.ndarray]] = iter(())
        """What is still to be given out, each with its epoch."""

    def __iter__(self) -> Iterator[Batch]:
        plan = self.plan
        if self._next != (plan.epoch, plan.start):
            self._recall()
            self._todo = self._parts_from(plan.epoch, plan.start)
        for step in range(plan.start, plan.steps):
            self.waiting.begin()
            self._fill(plan.epoch)
            slot, count = self._out.popleft()
            while self._missing[slot]:
                self._hear()
            batch = self._batch(slot, count)
            self.waiting.end()
            self._next = (plan.epoch, step + 1) if step + 1 < plan.steps else (plan.epoch + 1, 0)
            if self._next[0] not in (plan.epoch, *range(self.epochs)):
                self._next = None
            try:
                yield batch
            finally:
                self._hold(slot)

    def close(self) -> None:
        self._finalizer()

    def _parts_from(self, epoch: int, step: int) -> Iterator[tuple[int, np.ndarray]]:
        """Epoch and indices of each batch from a step on, to the end of this epoch or of all that are to come."""
        for number in range(epoch, max(self.epochs, epoch + 1)):
            for indices in self.plan.parts(number, step, self.plan.steps - step):
                yield number, indices
            step = 0

    def _fill(self, epoch: int) -> None:
        """Give out all free slots; near an epoch's end to the next one's batches, so that it begins at once."""
        while (slot := self._free_slot(needed=not self._out)) is not None:
            number, indices = next(self._todo, (epoch, None))
            if indices is None:
                self._free.appendleft(slot)
                return
            self._give_out(number, slot, indices)
            self._out.append((slot, len(indices)))

    def _give_out(self, epoch: int, slot: int, indices: np.ndarray) -> None:
        count = len(indices)
        self.ring.indices(slot, count)[:] = indices
        size = part_size(self.images, count)
        firsts = range(0, count, size)
        self._missing[slot], self._broken[slot] = len(firsts), []
        try:
            for first in firsts:
                send_part(self._parts, Part(epoch, slot, count, first, min(first + size, count)))
        except BrokenPipeError:
            raise _died() from None

    def _hear(self) -> None:
        """Wait until at least one part is made."""
        for ready in wait(self._results):
            assert isinstance(ready, Connection)
            try:
                done: Done = ready.recv()
            except (EOFError, OSError):
                raise _died() from None
            self.seconds += done.seconds
            self.processor += done.processor
            self._missing[done.slot] -= 1
            self._broken[done.slot] += done.broken
            if isinstance(done.error, InputError):
                raise done.error
            if done.error is not None:
                raise RuntimeError(f"in a worker of the loader:\n{done.error}")

    def _batch(self, slot: int, count: int) -> Batch:
        images = self.ring.images(slot, count)
        rows = torch.from_numpy(images.reshape(-1, *images.shape[2:]))
        indices = torch.from_numpy(self.ring.indices(slot, count)).clone()
        labels = torch.from_numpy(self.ring.labels(slot, count)).clone()
        order = {int(index): place for place, index in enumerate(indices)}
        broken = sorted(self._broken.pop(slot), key=lambda one: order[one.image])
        return Batch(rows, labels, indices, tuple(broken))

    def _hold(self, slot: int) -> None:
        """The network has been given a slot's images; the slot is free as soon as the device has copied them."""
        del self._missing[slot]
        if self.images.device.type != "cuda":
            self._free.append(slot)
            return
        event = torch.cuda.Event(blocking=True)  # a host that waits leaves its core to a worker
        event.record(torch.cuda.current_stream(self.images.device))
        self._held.append((slot, event))

    def _free_slot(self, *, needed: bool) -> int | None:
        """A slot to give out; None if there is none. Waits for the device where one is needed, or it has many."""
        while self._held and (len(self._held) > MOST_HELD or self._held[0][1].query() or (needed and not self._free)):
            slot, event = self._held.popleft()
            event.synchronize()
            self._free.append(slot)
        return self._free.popleft() if self._free else None

    def _recall(self) -> None:
        """Wait for what an iteration that was left had given out."""
        for slot in [*self._missing]:
            while self._missing[slot]:
                self._hear()
            del self._missing[slot], self._broken[slot]
            self._free.append(slot)
        self._out.clear()


def training_loader(images: TrainingSet, plan: BatchPlan, *, workers: int, epochs: int = 0) -> Loader:
    """The plan's batches; with workers they are made ahead of the network. To be closed.

    Args:
        epochs: up to which number each epoch is followed by the next one, whose first batches are then made ahead, too.
    """
    if not workers or images.resident is not None:  # they would have nothing to do
        return Loader(images, plan)
    return RingLoader(images, plan, workers, epochs)


def part_size(images: TrainingSet, count: int) -> int:
    """How many images of a batch a worker makes at a time."""
    return count if images.images.array is not None else max(min(PART, count), -(-count // MOST_PARTS))


def form_of(images: TrainingSet, plan: BatchPlan, workers: int) -> Form:
    """A ring with room for the plan's batches: enough slots that no worker has to wait for another."""
    side = images.images.size
    rows = plan.most
    if images.at_step:
        form = Form(1, rows, 1, (side, side, 3), "uint8")
    else:
        form = Form(1, rows, images.method.views, (3, side, side), "float32")
    parts = -(-rows // part_size(images, rows))
    at_work = -(-2 * workers // parts)  # each worker has a part at hand and one before it
    return form._replace(slots=2 + max(at_work, min(MOST_SLOTS - 2, ROOM // form.slot_bytes)))


def _died() -> InputError:
    return InputError("a worker of the loader has died (out of memory?): run it again with fewer `workers`")


def _end(trainer: int, ring: Ring, pipes: Sequence[Connection], processes: Sequence[BaseProcess]) -> None:
    """End the workers, which may be in the middle of a part, and let go of what they shared."""
    if os.getpid() != trainer:  # a copy of the loader in a forked process
        return
    os.set_blocking(pipes[0].fileno(), False)  # where it is full, there is enough to read
    for process in processes:
        # One that has only just started heeds no signal yet, but reads this.
        with contextlib.suppress(OSError):
            send_part(pipes[0], None)
        process.terminate()
    for process in processes:
        process.join(SECONDS)
        process.kill()
        process.join()
    for pipe in pipes:
        pipe.close()
    ring.close()
