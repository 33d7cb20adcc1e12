"""The parts of a job: some images under one corruption each, and the files they go to."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.cores import usable_cores
from mixset._common.errors import InputError
from mixset._common.memory import keep_freed_memory
from mixset._common.seals import file_hash
from mixset._common.workers import Step

from .._p.base import Perturbation
from .._shared.base import SMALL, Corruption
from .layouts import IMAGE, VIDEO, ArrayFile, holds_array, write_image, write_part, write_video
from .made import Made, record
from .sources import Source

Kind = Corruption | Perturbation
NONE = (0,)
"""The severities of a sequence."""
_SMALL_PART, _LARGE_PART = 100, 16
"""Images of a task: enough to be worth sending, few enough that all workers end at about the same time."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """Some images under one corruption: all that a worker is told."""

    kind: Kind
    source: Source
    severities: tuple[tuple[int, ...], ...]
    """For each image those to make."""
    seed: int
    root: Path
    """The folder of files, for large images."""
    stamp: bytes = b""
    """Of the recipe, for them; see `made.sealed`."""
    array: Path | None = None
    """The array in the making, for small images."""
    starts: tuple[int, ...] = ()
    """Where in it, in bytes, what is made at each severity begins."""


def fulfil(task: Task, step: Step) -> str:
    """Do a task and return the name of its corruption; what a worker does.

    Args:
        step: called after each image with how many were made of it.
    """
    keep_freed_memory()
    rows: list[list[np.ndarray]] = [[] for _ in task.starts]
    for index, severities in enumerate(task.severities):
        if not severities:
            continue
        image = task.source.uncropped(index) if isinstance(task.kind, Perturbation) else task.source.cropped(index)
        for number, severity in enumerate(severities):
            made = _make(task, image, severity, index)
            if task.array is not None:
                rows[number].append(made)
            elif isinstance(task.kind, Perturbation):
                write_video(task.root, path_of(task.kind, severity, task.source.names[index]), made, task.stamp)
            else:
                write_image(task.root, path_of(task.kind, severity, task.source.names[index]), made, task.stamp)
        step(len(severities))
    if task.array is not None:
        for start, made_there in zip(task.starts, rows, strict=True):
            write_part(task.array, start, np.stack(made_there))
    return task.kind.name


def _make(task: Task, image: np.ndarray, severity: int, index: int) -> np.ndarray:
    number = task.source.first + index
    if isinstance(task.kind, Perturbation):
        return task.kind(image, size=task.source.size, seed=task.seed, index=number)
    return task.kind(image, severity=severity, seed=task.seed, index=number)


def path_of(kind: Kind, severity: int, name: str) -> str:
    """Where the file of a large image CLASS/NAME lies below the folder."""
    if isinstance(kind, Perturbation):
        return f"{kind.name}/{name}{VIDEO}"
    return f"{kind.name}/{severity}/{name}{IMAGE}"


class Plan:
    """All tasks of a job, but for what is there already.

    Args:
        source: the images.
        kinds: what to make of them.
        severities: of each.
        seed: of all that is drawn.
        made: the folder, and what it says that it holds.

    Raises:
        InputError: there is no space for the arrays, or the folder cannot be written.
    """

    def __init__(
        self, source: Source, kinds: Sequence[Kind], severities: tuple[int, ...], seed: int, made: Made
    ) -> None:
        self.source, self.severities, self.seed, self.made, self.root = source, severities, seed, made, made.root
        self.kinds = {kind.name: kind for kind in kinds}
        size = _SMALL_PART if source.size <= SMALL else _LARGE_PART
        self._parts = [source.part(start, start + size) for start in range(0, len(source), size)]
        self._arrays: dict[str, ArrayFile] = {}
        self.tasks: list[Task] = []
        self.damaged: list[str] = []
        """What is there below the folder, but not as it was written, and so is made again."""
        try:
            with ThreadPoolExecutor(usable_cores()) as threads:
                if source.size <= SMALL:
                    for kind, whole in zip(kinds, threads.map(self._holds_array, kinds), strict=True):
                        self.tasks += [] if whole else self._array_tasks(kind)
                else:
                    for kind in kinds:
                        self.tasks += self._file_tasks(kind, threads)
        except BaseException:
            self.close()
            raise
        self._open = {name: sum(task.kind.name == name for task in self.tasks) for name in self.kinds}
        for name, count in self._open.items():
            if not count:
                self._finish(name)

    @property
    def left(self) -> int:
        """Images or sequences to make."""
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
        """Record a corruption before its array is at its place: one that is there without its hash would count for
        nothing."""
        kind, array = self.kinds[name], self._arrays.pop(name, None)
        parameters = self._parameters(kind)
        if array is not None:
            record(self.root, name, parameters, sha256=array.sha256())
            array.finish()
        elif self.source.size > SMALL:
            record(self.root, name, parameters)

    def _parameters(self, kind: Kind) -> Any:
        """Those of all severities or frames, as corruptions.json has them."""
        return json.loads(json.dumps(kind.small if self.source.size <= SMALL else kind.large))

    def _otherwise(self, kind: Kind) -> bool:
        """Whether what is there of a corruption was made with other parameters, by another version."""
        entry = self.made.made.get(kind.name)
        if entry is None or entry.get("parameters") == self._parameters(kind):
            return False
        self.damaged.append(f"{kind.name} (it had other parameters)")
        return True

    def _shape(self, kind: Kind) -> tuple[int, ...]:
        frames = (len(kind.small),) if isinstance(kind, Perturbation) else ()
        return (len(self.severities) * len(self.source), *frames, self.source.size, self.source.size, 3)

    def _holds_array(self, kind: Kind) -> bool:
        """Whether a corruption's array is there as it was made; by its shape alone where that was without hashes."""
        path, entry = self.root / f"{kind.name}.npy", self.made.made.get(kind.name)
        if self._otherwise(kind):
            return False
        whole = entry is not None and holds_array(path, self._shape(kind))
        if whole and entry is not None and "sha256" in entry:
            whole = file_hash(path) == entry["sha256"]
        if not whole and os.path.lexists(path):
            self.damaged.append(path.name)
        return whole

    def _array_tasks(self, kind: Kind) -> list[Task]:
        shape, count = self._shape(kind), len(self.source)
        array = self._arrays[kind.name] = ArrayFile(self.root / f"{kind.name}.npy", shape)
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

    def _file_tasks(self, kind: Kind, threads: Executor) -> list[Task]:
        tasks = []
        all_of = [(self.severities,) * len(part) for part in self._parts] if self._otherwise(kind) else None
        found = all_of or threads.map(partial(self._missing, kind), self._parts)
        for part, missing in zip(self._parts, found, strict=True):
            if any(missing):
                tasks.append(
                    Task(
                        kind=kind,
                        source=part,
                        severities=missing,
                        seed=self.seed,
                        root=self.root,
                        stamp=self.made.stamp,
                    )
                )
        return tasks

    def _missing(self, kind: Kind, part: Source) -> tuple[tuple[int, ...], ...]:
        """The severities of each image that are not there, or not as they were written."""
        missing = []
        for name in part.names:
            found = tuple(
                severity for severity in self.severities if not self._holds(kind, path_of(kind, severity, name))
            )
            missing.append(self.severities if found == self.severities else found)  # millions of equal tuples are one
        return tuple(missing)

    def _holds(self, kind: Kind, there: str) -> bool:
        """Whether a file is there as it was written; a power cut may leave empty ones."""
        path = self.root / there
        if not os.path.lexists(path):
            return False
        try:
            self.made.check(path, kind.name)
            whole = path.stat().st_size > 0
        except (InputError, OSError):
            whole = False
        if not whole:
            self.damaged.append(there)
        return whole
