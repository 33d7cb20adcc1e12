"""The job that turns a recipe into a folder of shards, with any number of workers, parts and attempts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

from mixset import manifest
from mixset.console import Progress
from mixset.errors import DamagedPicture, InputError
from mixset.shards import ShardInfo, ShardWriter, read_info, remove_abandoned, verify

from .families import Recipe, family, load
from .workers import run

SHARD = 256
"""Pictures in a shard (the last of a set may hold fewer): seconds of work to lose, and few enough files to open."""


class Task(NamedTuple):
    """One shard to have: all that a worker is told, small to pickle."""

    path: Path
    render: str
    recipe: Recipe
    start: int
    count: int
    compression: str


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
        compression: of the shards' pictures: "none", "lzf" or "gzip".
        quiet: no progress on stderr.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds something else, the disk is full, arguments out of range.
    """
    out = Path(out)
    index, parts = _check_part(part)
    if workers is not None and workers < 1:
        raise InputError(f"workers: {workers} is out of range; give 1 or more")
    workers = workers or len(os.sched_getaffinity(0))
    if _begin(recipe, out) > recipe.count:
        return out
    tasks = _tasks(recipe, out, compression)
    ours = tasks[index - 1 :: parts]
    try:
        outcomes = _fulfil_all(ours, workers, executor, quiet)
        if parts > 1 and all(task.path.exists() for task in tasks):
            others = [task for task in tasks if task not in ours]
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
    _make_shard(Task(path, kind.render, whole, entry.start_index, entry.count, entry.compression))
    return read_info(path)


def _check_part(part: tuple[int, int]) -> tuple[int, int]:
    index, parts = part
    if not 1 <= index <= parts:
        raise InputError(f"part: {index}/{parts} is out of range; give i/n with i from 1 to n")
    return index, parts


def _begin(recipe: Recipe, out: Path) -> int:
    """See that `out` may take the recipe's shards and mark it unfinished; gives the count of a finished set there."""
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give a folder for the mixing set")
    try:
        out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}; choose another folder") from error
    asked = recipe.to_json()
    finished = manifest.read(out)
    if finished is not None:
        _same_recipe(out, finished.recipe, asked)
        if finished.count >= recipe.count:
            return finished.count
    begun = manifest.read_json(out / manifest.UNFINISHED)
    if begun is None and finished is None:
        _check_contents(out, recipe)
    if begun is not None:
        _same_recipe(out, begun.get("recipe"), asked)
        if begun.get("count", 0) > recipe.count:
            raise InputError(
                f"{out} is being made with {begun['count']:,} pictures, {recipe.count:,} are asked for: "
                "go on with that count or choose another folder"
            )
    manifest.write_json(out / manifest.UNFINISHED, {"recipe": asked, "count": recipe.count})
    (out / manifest.NAME).unlink(missing_ok=True)
    return 0


def _same_recipe(out: Path, held: object, asked: dict[str, Any]) -> None:
    if held == asked:
        return
    there = held if isinstance(held, dict) else {}
    names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
    differences = ", ".join(f"{name} {there.get(name)!r} there, {asked.get(name)!r} asked" for name in names)
    raise InputError(f"{out} holds a set of another recipe ({differences}); choose another folder")


def _check_contents(out: Path, recipe: Recipe) -> None:
    """A folder without our marks must be empty, or hold this recipe's shards alone."""
    for path in sorted(out.iterdir()):
        if path.name.startswith(".") or path.suffix == ".partial":
            continue
        if path.suffix != ".h5" or not path.name.startswith(f"{recipe.family}-"):
            raise InputError(f"{out} is not empty and no mixing set (it holds {path.name}); choose another folder")
        try:
            _same_recipe(out, read_info(path).recipe, recipe.to_json())
        except DamagedPicture:
            continue  # by its name one of ours; it is made again


def _tasks(recipe: Recipe, out: Path, compression: str) -> list[Task]:
    render = family(recipe.family).render
    return [
        Task(
            out / f"{recipe.family}-{start // SHARD:05d}.h5",
            render,
            recipe,
            start,
            min(SHARD, recipe.count - start),
            compression,
        )
        for start in range(0, recipe.count, SHARD)
    ]


def _fulfil_all(tasks: list[Task], workers: int, executor: Executor | None, quiet: bool) -> list[Outcome]:
    there = {task.path.name for task in tasks if task.path.exists()}
    held = sum(task.count for task in tasks if task.path.name in there)
    outcomes = []
    with Progress(sum(task.count for task in tasks), "pictures", done=held, quiet=quiet) as progress:

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            progress.advance(0 if outcome.entry.name in there else outcome.entry.count)

        run(fulfil, tasks, done, workers=workers, executor=executor)
    _tell_damage(outcomes)
    return outcomes


def _tell_damage(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.damage:
            print(f"made again: {outcome.damage}", file=sys.stderr)


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
    render = load(task.render)
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
        for index in range(task.start, task.start + task.count):
            writer.add(*render(task.recipe, index))
