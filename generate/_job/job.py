"""The job that turns a recipe into a folder of shards, with any number of workers, parts and attempts."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mixset._common.arguments import check_flag, check_list, check_path, check_whole
from mixset._common.cores import check_workers
from mixset._common.errors import DamagedImage, InputError
from mixset._common.partials import HOST, remove_abandoned
from mixset._common.progress import Progress
from mixset._common.workers import Step, run
from mixset._store import manifest
from mixset._store.output import begin, begun_recipe
from mixset._store.shard_writer import ShardWriter
from mixset._store.shards import ShardInfo, read_info, verify

from .devices import check_names, slots
from .families import Family, Recipe, family
from .preview import Preview
from .recipe import SetRecipe
from .rendering import read_recipe, render_images

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Task:
    """One shard to have: all that a worker is told, small to pickle."""

    path: Path
    kind: Family
    recipe: Recipe
    start: int
    count: int
    compression: str
    device: str = "auto"
    """Where a family that works on a device draws, unless its worker is bound to one; the worker resolves `auto`."""


class Outcome(NamedTuple):
    """What became of a task."""

    entry: manifest.Entry
    damage: str = ""
    """Why a shard that was there had to be made again; else empty."""


def make(
    recipe: Recipe,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    devices: Sequence[str] = ("auto",),
    part: tuple[int, int] = (1, 1),
    executor: Executor | None = None,
    preview: str | os.PathLike[str] | None = None,
    compression: str = "none",
    quiet: bool = False,
) -> Path:
    """Make the mixing set of `recipe` in the folder `out`, or resume the one begun there.

    Content and bytes are a function of the recipe, whatever the workers, executors, parts and interruptions (of a
    family that works on a device: on the CPU, each worker with one torch thread). Shards already there are kept if
    their content hash checks; a larger count extends a set. The part that finds all shards present writes mixset.json.

    Args:
        recipe: a recipe of a family in `mixset.generate._job.families.FAMILIES`.
        out: the folder of the set; made when missing.
        workers: processes; default: one for each GPU, or for each core this process may use.
        devices: where a family that works on a device does so: `cpu`, `cuda:1`, several GPUs, or `auto` for all there
            are, else the CPU. Each worker process has one for its life; an executor's tasks take them in turn.
        part: (i, n): of n runs on one folder this is run i, from 1.
        executor: where the shards are made instead of in own processes, on whatever hosts, to all of which `out` is
            the same folder; it is left running.
        preview: an image file: a contact sheet of what is there, drawn again as shards are finished.
        compression: of the shards' images: "none" or "gzip".
        quiet: no progress on stderr.

    Returns:
        The folder.

    Raises:
        InputError: the folder holds something else, the disk is full, arguments out of range, a device is not there.

    Example:
        >>> import mixset
        >>> import mixset.generate
        >>> recipe = mixset.generate.DeadLeavesRecipe(count=2, size=32, style="squares")
        >>> folder = mixset.generate.make(recipe, "leaves", workers=1, quiet=True)
        >>> mixset.MixingSet(folder)[1].shape
        (32, 32, 3)
    """
    if not isinstance(getattr(recipe, "family", None), str):
        raise InputError(f"recipe: a family's recipe is needed, got {type(recipe).__name__}")
    check_flag("quiet", quiet)
    check_workers(workers)
    if not all(isinstance(device, str) for device in check_list("devices", devices, "names")):
        raise InputError(f"devices: a list of names is needed, got {devices!r}")
    if executor is not None and not isinstance(executor, Executor):
        raise InputError(f"executor: one of concurrent.futures is needed, got {type(executor).__name__}")
    if not isinstance(compression, str):
        raise InputError(f"compression: a name is needed, got {compression!r}")
    out, kind = check_path("out", out), family(recipe.family)
    index, parts = _check_part(part)
    slot_devices = slots(kind, devices, workers) if executor is None else check_names(devices)
    if type(recipe).__module__ == "__main__" and (executor is not None or len(slot_devices) > 1):
        raise InputError(
            f"recipe: {type(recipe).__name__} is defined in the script that runs, which worker processes do not "
            "import; put it into a module of its own, or give workers=1"
        )
    sheet = Preview(check_path("preview", preview), out) if preview is not None else None
    recipe = recipe.resolved()
    if isinstance(recipe, SetRecipe) and (begun := begun_recipe(out)) is not None:
        recipe = recipe.begun_as(begun)
    if begin(out, recipe.to_json(), recipe.count) <= recipe.count:
        tasks = _tasks(recipe, out, compression, slot_devices)
        try:
            outcomes = _fulfil_all(tasks[index - 1 :: parts], slot_devices, executor, sheet, quiet)
            if parts > 1 and all(task.path.exists() for task in tasks):
                others = [task for number, task in enumerate(tasks) if number % parts != index - 1]
                outcomes += _fulfil_all(others, slot_devices, executor, sheet, quiet=True)
        finally:
            remove_abandoned(out)
        if len(outcomes) == len(tasks):
            manifest.write(out, recipe.to_json(), (outcome.entry for outcome in outcomes))
    if sheet is not None:
        sheet.draw()
    return out


def remake(
    folder: Path, entry: manifest.Entry, recipe: dict[str, Any], *, trust: bool = False
) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """The images of the shard that `entry` of the set in `folder` describes, with seeds and params.

    Args:
        trust: use code and files, too, that the recipe names.

    Raises:
        InputError: its family cannot be made here, another version of the maker made it, or it needs trust.
    """
    kind = family(entry.family)
    if not 1 <= entry.count <= kind.shard:
        raise InputError(f"shard {entry.name} cannot have {entry.count:,} images; {entry.family} has 1 to {kind.shard}")
    whole = read_recipe(recipe, entry.family, entry.start_index + entry.count, folder / manifest.NAME, trust=trust)
    return render_images(kind, whole, range(entry.start_index, whole.count))


def _check_part(part: tuple[int, int]) -> tuple[int, int]:
    numbers = check_list("part", part, "two whole numbers")
    index, parts = (check_whole("part", number, low=1, high=2**31) for number in [*numbers, 0, 0][:2])
    if not 1 <= index <= parts:
        raise InputError(f"part: {index}/{parts} is out of range; give i/n with i from 1 to n")
    return index, parts


def _tasks(recipe: Recipe, out: Path, compression: str, devices: Sequence[str]) -> list[Task]:
    kind = family(recipe.family)
    return [
        Task(
            # Absolute, for workers that were started elsewhere.
            out.absolute() / f"{recipe.family}-{number:05d}.h5",
            kind,
            recipe,
            start,
            min(kind.shard, recipe.count - start),
            compression,
            devices[number % len(devices)],
        )
        for number, start in enumerate(range(0, recipe.count, kind.shard))
    ]


def _fulfil_all(
    tasks: list[Task], devices: Sequence[str], executor: Executor | None, sheet: Preview | None, quiet: bool
) -> list[Outcome]:
    total = sum(task.count for task in tasks)
    left = {task.start: task.count for task in tasks if not _seems_there(task)}
    outcomes = []
    preparing = _preparing(tasks[0].kind) if left else ""
    with Progress(total, "images", initial=total - sum(left.values()), quiet=quiet, preparing=preparing) as progress:

        def step(start: int) -> None:
            if left.get(start):
                left[start] -= 1
                progress.advance()

        def done(outcome: Outcome) -> None:
            outcomes.append(outcome)
            progress.advance(left.pop(outcome.entry.start_index, 0))
            if sheet is not None:
                sheet.add(tasks[0].path.with_name(outcome.entry.name))

        run(fulfil, tasks, done, step, slots=devices, executor=executor)
    _tell_damage(outcomes)
    return outcomes


def _preparing(kind: Family) -> str:
    """What workers do before their first image, where it takes long."""
    if kind.on_device or not isinstance(kind.render, str) or not kind.render.startswith("mixset."):
        return ""
    from mixset._common.kernels import cold  # imports numba

    module = kind.render.partition(":")[0]
    importlib.import_module(module)
    return "compiling kernels (once)" if cold(module.rpartition(".")[0]) else ""


def _seems_there(task: Task) -> bool:
    """By the header alone; its worker looks at the content."""
    try:
        return task.path.exists() and _is_of(read_info(task.path), task)
    except DamagedImage:
        return False


def _tell_damage(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.damage:
            print(f"made again: {outcome.damage.rsplit('; ', 1)[0]}", file=sys.stderr)


def fulfil(task: Task, step: Step) -> Outcome:
    """Keep the task's shard if it is there, whole and this task's; else make it. What a worker does.

    Args:
        step: called with the task's start for each image made.

    Raises:
        InputError: the shard cannot be written, or this host does not see the folder that the job began.
    """
    damage = ""
    folder = task.path.parent
    if not any((folder / name).exists() for name in (manifest.UNFINISHED, manifest.NAME)):
        raise InputError(f"{folder} is not the job's folder on host {HOST}; give one that all workers share")
    if task.path.exists():
        try:
            info = verify(task.path)
            if _is_of(info, task):
                return Outcome(manifest.entry(info))
        except DamagedImage as error:
            damage = str(error)
    _make_shard(task, step)
    return Outcome(manifest.entry(read_info(task.path)), damage)


def _is_of(info: ShardInfo, task: Task) -> bool:
    """Not so for the shorter last shard of a set that is being extended."""
    return (info.family, info.recipe, info.start_index, info.count, info.shape) == (
        task.recipe.family,
        task.recipe.to_json(),
        task.start,
        task.count,
        task.recipe.shape,
    )


def _make_shard(task: Task, step: Step) -> None:
    writer = ShardWriter(
        task.path,
        family=task.recipe.family,
        recipe=task.recipe.to_json(),
        start_index=task.start,
        shape=task.recipe.shape,
        count=task.count,
        compression=task.compression,
    )
    drawn = render_images(task.kind, task.recipe, range(task.start, task.start + task.count), task.device)
    with writer, contextlib.closing(drawn):
        for image in drawn:
            writer.add(*image)
            step(task.start)
