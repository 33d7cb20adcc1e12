"""The job that turns a recipe into a folder of shards, with any number of workers, parts and attempts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mixset import manifest
from mixset.console import Progress
from mixset.errors import DamagedPicture, InputError
from mixset.output import begin
from mixset.partials import remove_abandoned
from mixset.shards import ShardInfo, ShardWriter, read_info, verify

from .families import Family, Recipe, family, load
from .workers import run


@dataclass(frozen=True)
class Task:
    """One shard to have: all that a worker is told, small to pickle."""

    path: Path
    kind: Family
    recipe: Recipe
    start: int
    count: int
    compression: str
    device: str = "cpu"


class Outcome(NamedTuple):
    """What became of a task."""

    entry: manifest.Entry
    made: bool
    """False: the shard was there and its content hash checked."""
    damage: str
    """Why a shard that was there had to be made again; else empty."""


def make(
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    part: tuple[int, int] = (1, 1),
    executor: Executor | None = None,
    compression: str = "none",
    quiet: bool = False,
) -> Path:
    """Make the mixing set of `recipe` in the folder `out`, or go on with the one begun there.

    Content and bytes are a function of the recipe, whatever the workers, parts and interruptions. Shards already there
    are kept if their content hash checks; a larger count extends a set. The part that finds all shards present writes
    mixset.json.

    Args:
        recipe: a recipe of a family in `mixset.generate.families.FAMILIES`.
        out: the folder of the set; made when missing.
        workers: processes; default: one for each core this process may use.
        part: (i, n): of n runs on one folder this is run i, from 1.
        executor: where the shards are made instead of in own processes; it is left running.
        compression: of the shards' pictures: "none" or "gzip".
        quiet: no progress on stderr.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds something else, the disk is full, arguments out of range.
    """
    out, recipe = Path(out), recipe.resolved()
    index, parts = _check_part(part)
    if workers is not None and workers < 1:
        raise InputError(f"workers: {workers} is out of range; give 1 or more")
    workers = workers or len(os.sched_getaffinity(0))
    if begin(out, recipe.to_json(), recipe.count) > recipe.count:
        return out
    tasks = _tasks(recipe, out, compression)
    ours = tasks[index - 1 :: parts]
    try:
        outcomes = _fulfil_all(ours, workers, executor, quiet)
        if parts > 1 and all(task.path.exists() for task in tasks):
            others = [task for place, task in enumerate(tasks) if place % parts != index - 1]
            outcomes += _fulfil_all(others, workers, executor, quiet=True)
    finally:
        remove_abandoned(out)
    if len(outcomes) == len(tasks):
        manifest.write(out, recipe.to_json(), (outcome.entry for outcome in outcomes))
    return out


def remake(folder: Path, entry: manifest.Entry, recipe: dict[str, Any], path: Path) -> ShardInfo:
    """Make the shard that `entry` of the set in `folder` describes again, at `path`.

    Raises:
        InputError: its family cannot be made here, or another version of the maker made it.
    """
    kind = family(entry.family)
    whole = load(kind.recipe).from_json(recipe, count=entry.start_index + entry.count)
    _make_shard(Task(path, kind, whole, entry.start_index, entry.count, entry.compression))
    return read_info(path)


def _check_part(part: tuple[int, int]) -> tuple[int, int]:
    index, parts = part
    if not 1 <= index <= parts:
        raise InputError(f"part: {index}/{parts} is out of range; give i/n with i from 1 to n")
    return index, parts


def _tasks(recipe: Recipe, out: Path, compression: str) -> list[Task]:
    kind = family(recipe.family)
    return [
        Task(
            out / f"{recipe.family}-{start // kind.shard:05d}.h5",
            kind,
            recipe,
            start,
            min(kind.shard, recipe.count - start),
            compression,
        )
        for start in range(0, recipe.count, kind.shard)
    ]


def _fulfil_all(tasks: list[Task], workers: int, executor: Executor | None, quiet: bool) -> list[Outcome]:
    there = {task.path.name for task in tasks if _seems_there(task)}
    held = sum(task.count for task in tasks if task.path.name in there)
    outcomes = []
    with Progress(sum(task.count for task in tasks), "pictures", done=held, quiet=quiet) as progress:

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            progress.advance(0 if outcome.entry.name in there else outcome.entry.count)

        run(fulfil, tasks, done, workers=workers, executor=executor)
    _tell_damage(outcomes)
    return outcomes


def _seems_there(task: Task) -> bool:
    """By the header alone; its worker looks at the content."""
    try:
        return task.path.exists() and _is_of(read_info(task.path), task)
    except DamagedPicture:
        return False


def _tell_damage(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.damage:
            print(f"made again: {outcome.damage.rsplit('; ', 1)[0]}", file=sys.stderr)


def fulfil(task: Task) -> Outcome:
    """Keep the task's shard if it is there, whole and this task's; else make it. What a worker does."""
    damage = ""
    if task.path.exists():
        try:
            info = verify(task.path)
            if _is_of(info, task):
                return Outcome(manifest.entry(info), False, "")
        except DamagedPicture as error:
            damage = str(error)
    _make_shard(task)
    return Outcome(manifest.entry(read_info(task.path)), True, damage)


def _is_of(info: ShardInfo, task: Task) -> bool:
    """Not so for the shorter last shard of a set that is being extended."""
    return (info.family, info.recipe, info.start_index, info.count, info.shape) == (
        task.recipe.family,
        task.recipe.to_json(),
        task.start,
        task.count,
        (task.recipe.size, task.recipe.size),
    )


def _make_shard(task: Task) -> None:
    device = (task.device,) if task.kind.on_device else ()
    writer = ShardWriter(
        task.path,
        family=task.recipe.family,
        recipe=task.recipe.to_json(),
        start_index=task.start,
        shape=(task.recipe.size, task.recipe.size),
        count=task.count,
        compression=task.compression,
    )
    with writer:
        for picture in load(task.kind.render)(task.recipe, range(task.start, task.start + task.count), *device):
            writer.add(*picture)
