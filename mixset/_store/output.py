"""The folder a set is made in: empty, or a beginning of the same recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._common.errors import DamagedImage, InputError
from .._common.files import ensured_folder
from .._common.jsons import write_sealed_json
from .._common.partials import is_partial, remove_abandoned
from . import manifest
from .shards import read_info


def begin(out: Path, recipe: dict[str, Any], count: int) -> int:
    """See that `out` may take the shards of `recipe`, and mark it as unfinished.

    Args:
        out: the folder; made when missing. Once it is known for ours, what dead writers left in it is removed.
        recipe: all that determines the images, as JSON values.
        count: how many images are wanted; more than a finished set has extends it.

    Returns:
        How many images a finished set there has, 0 where none is finished.

    Raises:
        InputError: `out` is a file, cannot be written, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give a folder for the mixing set")
    with ensured_folder(out, "mixing set"):
        return _begin(out, recipe, count)


def _begin(out: Path, recipe: dict[str, Any], count: int) -> int:
    finished, begun = manifest.read(out), manifest.read_json(out / manifest.UNFINISHED)
    if finished is not None:
        _same_recipe(out, finished.recipe, recipe)
        if finished.count >= count:
            remove_abandoned(out)
            return finished.count
    if begun is not None:
        there = begun.get("count")
        if begun.keys() != {"recipe", "count"} or not isinstance(there, int):
            raise InputError(f"{out / manifest.UNFINISHED} is damaged; delete it and run the command again")
        _same_recipe(out, begun["recipe"], recipe)
        if there > count:
            raise InputError(
                f"{out} is being made with {there:,} images, {count:,} are asked for: "
                "give that count or choose another folder"
            )
    if finished is None and begun is None:
        _check_contents(out, recipe)
    remove_abandoned(out)
    write_sealed_json(out / manifest.UNFINISHED, {"recipe": recipe, "count": count})
    (out / manifest.NAME).unlink(missing_ok=True)
    return 0


def _same_recipe(out: Path, held: object, asked: dict[str, Any]) -> None:
    if held == asked:
        return
    there = held if isinstance(held, dict) else {}
    names = sorted(name for name in {*there, *asked} if there.get(name) != asked.get(name))
    differences = ", ".join(f"{name} {there.get(name)!r} there, {asked.get(name)!r} asked" for name in names)
    raise InputError(f"{out} holds a set of another recipe ({differences}); choose another folder")


def _check_contents(out: Path, recipe: dict[str, Any]) -> None:
    """A folder without our marks must be empty, or hold this recipe's shards alone."""
    for path in sorted(out.iterdir()):
        if path.name.startswith(".") or is_partial(path.name):
            continue
        if path.suffix != ".h5":
            raise InputError(f"{out} is not empty and not a mixing set (it holds {path.name}); choose another folder")
        try:
            _same_recipe(out, read_info(path).recipe, recipe)
        except DamagedImage as error:
            raise InputError(f"{out} holds a damaged shard, {path.name}; delete it or choose another folder") from error
