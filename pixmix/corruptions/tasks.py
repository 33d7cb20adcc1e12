"""The parts of a job: some pictures under one corruption each, and the files they go to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixset.memory import keep_freed_memory
from mixset.workers import Step

from .base import SMALL, Corruption
from .layouts import PICTURE, VIDEO, ArrayFile, holds_array, write_part, write_picture, write_video
from .made import record
from .p_base import Perturbation
from .sources import Source

Kind = Corruption | Perturbation
NONE = (0,)
"""The severities of a sequence."""
_SMALL_PART, _LARGE_PART = 100, 16
"""Pictures of a task: enough to be worth sending, few enough that all workers end at about the same time."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Some pictures under one corruption: all that a worker is told."""

    kind: Kind
    source: Source
    severities: tuple[tuple[int, ...], ...]
    """For each picture those to make."""
    seed: int
    root: Path
    """The folder of files, for large pictures."""
    array: Path | None = None
    """The array in the making, for small pictures."""
    starts: tuple[int, ...] = ()
    """Where in it, in bytes, what is made at each severity begins."""


def fulfil(task: Task, step: Step) -> str:
    """Do a task and return the name of its corruption; what a worker does.

    Args:
        step: called after each picture with how many were made of it.
    """
    keep_freed_memory()
    rows: list[list[np.ndarray]] = [[] for _ in task.starts]
    for index, severities in enumerate(task.severities):
        if not severities:
            continue
        picture = task.source.uncropped(index) if isinstance(task.kind, Perturbation) else task.source.cropped(index)
        for number, severity in enumerate(severities):
            made = _make(task, picture, severity, index)
            if task.array is not None:
                rows[number].append(made)
            elif isinstance(task.kind, Perturbation):
                write_video(task.root, place(task.kind, severity, task.source.names[index]), made)
            else:
                write_picture(task.root, place(task.kind, severity, task.source.names[index]), made)
        step(len(severities))
    if task.array is not None:
        for start, made_there in zip(task.starts, rows, strict=True):
            write_part(task.array, start, np.stack(made_there))
    return task.kind.name


def _make(task: Task, picture: np.ndarray, severity: int, index: int) -> np.ndarray:
    number = task.source.first + index
    if isinstance(task.kind, Perturbation):
        return task.kind(picture, size=task.source.size, seed=task.seed, index=number)
    return task.kind(picture, severity=severity, seed=task.seed, index=number)


def place(kind: Kind, severity: int, name: str) -> str:
    """Where the file of a large picture CLASS/NAME lies below the folder."""
    if isinstance(kind, Perturbation):
        return f"{kind.name}/{name}{VIDEO}"
    return f"{kind.name}/{severity}/{name}{PICTURE}"


class Plan:
    """All tasks of a job, but for what is there already.

    Args:
        source: the pictures.
        kinds: what to make of them.
        severities: of each.
        seed: of all that is drawn.
        root: the folder.

    Raises:
        InputError: there is no space for the arrays, or the folder cannot be written.
    """

    def __init__(
        self, source: Source, kinds: Sequence[Kind], severities: tuple[int, ...], seed: int, root: Path
    ) -> None:
        self.source, self.severities, self.seed, self.root = source, severities, seed, root
        self.kinds = {kind.name: kind for kind in kinds}
        size = _SMALL_PART if source.size <= SMALL else _LARGE_PART
        self._parts = [source.part(start, start + size) for start in range(0, len(source), size)]
        self._arrays: dict[str, ArrayFile] = {}
        self.tasks: list[Task] = []
        try:
            for kind in kinds:
                self.tasks += self._array_tasks(kind) if source.size <= SMALL else self._file_tasks(kind)
        except BaseException:
            self.close()
            raise
        self._open = {name: sum(task.kind.name == name for task in self.tasks) for name in self.kinds}
        for name, count in self._open.items():
            if not count:
                self._finish(name)

    @property
    def left(self) -> int:
        """Pictures or sequences to make."""
        return sum(len(severities) for task in self.tasks for severities in task.severities)

    def done(self, name: str) -> None:
        """Take note that a task of the corruption called `name` is done."""
        self._open[name] -= 1
        if not self._open[name]:
            self._finish(name)

    def close(self) -> None:
        """Remove what is not finished."""
        for array in self._arrays.values():
            array.discard()

    def _finish(self, name: str) -> None:
        if name in self._arrays:
            self._arrays.pop(name).finish()
        record(self.root, name, self.kinds[name].small if self.source.size <= SMALL else self.kinds[name].large)

    def _array_tasks(self, kind: Kind) -> list[Task]:
        size, count = self.source.size, len(self.source)
        frames = (len(kind.small),) if isinstance(kind, Perturbation) else ()
        shape = (len(self.severities) * count, *frames, size, size, 3)
        path = self.root / f"{kind.name}.npy"
        if holds_array(path, shape):
            return []
        array = self._arrays[kind.name] = ArrayFile(path, shape)
        each = int(np.prod(shape[1:]))
        return [
            Task(
                kind=kind,
                source=part,
                severities=(self.severities,) * len(part),
                seed=self.seed,
                root=self.root,
                array=array.partial,
                starts=tuple(
                    array.start + (number * count + part.first) * each for number in range(len(self.severities))
                ),
            )
            for part in self._parts
        ]

    def _file_tasks(self, kind: Kind) -> list[Task]:
        tasks = []
        for part in self._parts:
            missing = tuple(self._missing(kind, name) for name in part.names)
            if any(missing):
                tasks.append(Task(kind=kind, source=part, severities=missing, seed=self.seed, root=self.root))
        return tasks

    def _missing(self, kind: Kind, name: str) -> tuple[int, ...]:
        missing = tuple(
            severity for severity in self.severities if not _holds(f"{self.root}/{place(kind, severity, name)}")
        )
        return self.severities if missing == self.severities else missing  # millions of equal tuples are one


def _holds(path: str) -> bool:
    """Whether a file is there; a power cut may leave empty ones."""
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False
