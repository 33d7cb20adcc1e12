"""The tasks of a job, each a few images under one corruption, and the plan of the tasks that remain."""

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
from mixset._common.seals import file_hash
from mixset._common.workers import Step

from .._p.base import Perturbation
from .._shared.base import SMALL, Corruption
from .layouts import IMAGE, VIDEO, ArrayFile, holds_array, write_image, write_part, write_video
from .manifest import Manifest, record
from .sources import Source

Kind = Corruption | Perturbation
NONE = (0,)
"""The severities of a sequence."""
_SMALL_PART, _LARGE_PART = 100, 16
"""Images per task: enough to outweigh the cost of sending it, few enough for workers to finish together."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A few images under one corruption, as sent to a worker."""

    kind: Kind
    """The corruption or perturbation."""
    source: Source
    """The images."""
    severities: tuple[tuple[int, ...], ...]
    """The severities to make, for each image."""
    seed: int
    """The seed of the job."""
    root: Path
    """The folder of the set, for large images."""
    stamp: bytes = b""
    """The stamp of the recipe, for large images; see `manifest.sealed`."""
    array: Path | None = None
    """The unfinished array file, for small images."""
    starts: tuple[int, ...] = ()
    """The offset in bytes in `array` of the first image at each severity."""


def execute(task: Task, step: Step) -> str:
    """Execute a task in a worker and return the name of its corruption.

    Args:
        task: the task.
        step: called after each image with the number of its severities.
    """
    rows: list[list[np.ndarray]] = [[] for _ in task.starts]
    for index, severities in enumerate(task.severities):
        if not severities:
            continue
        image = task.source.uncropped(index) if isinstance(task.kind, Perturbation) else task.source.cropped(index)
        for number, severity in enumerate(severities):
            output = _corrupt(task, image, severity, index)
            if task.array is not None:
                rows[number].append(output)
            elif isinstance(task.kind, Perturbation):
                write_video(task.root, path_of(task.kind, severity, task.source.names[index]), output, task.stamp)
            else:
                write_image(task.root, path_of(task.kind, severity, task.source.names[index]), output, task.stamp)
        step(len(severities))
    if task.array is not None:
        for start, outputs in zip(task.starts, rows, strict=True):
            write_part(task.array, start, np.stack(outputs))
    return task.kind.name


def _corrupt(task: Task, image: np.ndarray, severity: int, index: int) -> np.ndarray:
    number = task.source.first + index
    if isinstance(task.kind, Perturbation):
        return task.kind(image, size=task.source.size, seed=task.seed, index=number)
    return task.kind(image, severity=severity, seed=task.seed, index=number)


def path_of(kind: Kind, severity: int, name: str) -> str:
    """The path of the file of a large image CLASS/NAME, relative to the folder."""
    if isinstance(kind, Perturbation):
        return f"{kind.name}/{name}{VIDEO}"
    return f"{kind.name}/{severity}/{name}{IMAGE}"


class Plan:
    """The tasks of a job that remain, given the files in its folder.

    Args:
        source: the images.
        kinds: the corruptions or perturbations.
        severities: the severities of each corruption.
        seed: the seed of all random numbers.
        manifest: the manifest of the folder.

    Raises:
        InputError: the disk has no space for the arrays, or the folder cannot be written.
    """

    def __init__(
        self, source: Source, kinds: Sequence[Kind], severities: tuple[int, ...], seed: int, manifest: Manifest
    ) -> None:
        self.source, self.severities, self.seed = source, severities, seed
        self.manifest, self.root = manifest, manifest.root
        self.kinds = {kind.name: kind for kind in kinds}
        size = _SMALL_PART if source.size <= SMALL else _LARGE_PART
        self._parts = [source.part(start, start + size) for start in range(0, len(source), size)]
        self._arrays: dict[str, ArrayFile] = {}
        self.tasks: list[Task] = []
        self.damaged: list[str] = []
        """Files in the folder that are damaged or outdated, and are made again."""
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
    def remaining(self) -> int:
        """The number of images or sequences to make."""
        return sum(len(severities) for task in self.tasks for severities in task.severities)

    def task_finished(self, name: str) -> None:
        """Note that a task of the corruption `name` is finished."""
        self._open[name] -= 1
        if not self._open[name]:
            self._finish(name)

    def close(self) -> None:
        """Remove unfinished arrays."""
        for array in self._arrays.values():
            array.discard()

    def _finish(self, name: str) -> None:
        """Record a corruption, then rename its array: an array without a recorded hash would be made again."""
        kind, array = self.kinds[name], self._arrays.pop(name, None)
        parameters = self._parameters(kind)
        if array is not None:
            record(self.root, name, parameters, sha256=array.sha256())
            array.finish()
        elif self.source.size > SMALL:
            record(self.root, name, parameters)

    def _parameters(self, kind: Kind) -> Any:
        """The parameters of all severities or frames, as in the manifest."""
        return json.loads(json.dumps(kind.small if self.source.size <= SMALL else kind.large))

    def _is_outdated(self, kind: Kind) -> bool:
        """Whether a corruption in the folder was made by another version with other parameters."""
        entry = self.manifest.finished.get(kind.name)
        if entry is None or entry.get("parameters") == self._parameters(kind):
            return False
        self.damaged.append(f"{kind.name} (it had other parameters)")
        return True

    def _shape(self, kind: Kind) -> tuple[int, ...]:
        frames = (len(kind.small),) if isinstance(kind, Perturbation) else ()
        return (len(self.severities) * len(self.source), *frames, self.source.size, self.source.size, 3)

    def _holds_array(self, kind: Kind) -> bool:
        """Whether a corruption's array is intact; if it was made without a hash, by its shape alone."""
        path, entry = self.root / f"{kind.name}.npy", self.manifest.finished.get(kind.name)
        if self._is_outdated(kind):
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
        item_size = int(np.prod(shape[1:]))
        return [
            Task(
                kind=kind,
                source=part,
                severities=(self.severities,) * len(part),
                seed=self.seed,
                root=self.root,
                array=array.partial,
                starts=tuple(
                    array.start + (number * count + part.first) * item_size for number in range(len(self.severities))
                ),
            )
            for part in self._parts
        ]

    def _file_tasks(self, kind: Kind, threads: Executor) -> list[Task]:
        tasks = []
        everything = [(self.severities,) * len(part) for part in self._parts] if self._is_outdated(kind) else None
        per_part = everything or threads.map(partial(self._missing, kind), self._parts)
        for part, missing in zip(self._parts, per_part, strict=True):
            if any(missing):
                tasks.append(
                    Task(
                        kind=kind,
                        source=part,
                        severities=missing,
                        seed=self.seed,
                        root=self.root,
                        stamp=self.manifest.stamp,
                    )
                )
        return tasks

    def _missing(self, kind: Kind, part: Source) -> tuple[tuple[int, ...], ...]:
        """The severities of each image whose files are missing or damaged."""
        missing = []
        for name in part.names:
            severities = tuple(
                severity for severity in self.severities if not self._holds(kind, path_of(kind, severity, name))
            )
            # Millions of equal tuples share one object.
            missing.append(self.severities if severities == self.severities else severities)
        return tuple(missing)

    def _holds(self, kind: Kind, name: str) -> bool:
        """Whether a file exists and is intact; a power cut may leave empty ones."""
        path = self.root / name
        if not os.path.lexists(path):
            return False
        try:
            self.manifest.check(path, kind.name)
            whole = path.stat().st_size > 0
        except (InputError, OSError):
            whole = False
        if not whole:
            self.damaged.append(name)
        return whole
