"""Preparing the folder in which a set is made: it is empty, or holds part of the same recipe's images."""

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
    """Check that `out` can take the shards of `recipe`, and mark the set as unfinished.

    Args:
        out: the folder, created if missing; partial files of dead writers are removed from it.
        recipe: everything that determines the images, as JSON values.
        count: the number of images; a finished set with fewer is extended.

    Returns:
        The number of images of the finished set in `out`, or 0 if the set is not finished.

    Raises:
        InputError: `out` is a file, cannot be written, or holds something else.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give a folder for the mixing set")
    with ensured_folder(out, "mixing set"):
        return _begin(out, recipe, count)


def begun_recipe(out: Path) -> dict[str, Any] | None:
    """The recipe of the set in the folder `out`, finished or not; None: there is none."""
    finished = manifest.read(out)
    begun = manifest.read_json(out / manifest.UNFINISHED) or {}
    values = begun.get("recipe") if finished is None else finished.recipe
    return values if isinstance(values, dict) else None


def _begin(out: Path, recipe: dict[str, Any], count: int) -> int:
    finished, begun = manifest.read(out), manifest.read_json(out / manifest.UNFINISHED)
    if finished is not None:
        _same_recipe(out, finished.recipe, recipe)
        if finished.count >= count:
            remove_abandoned(out)
            return finished.count
    if begun is not None:
        target = begun.get("count")
        if begun.keys() != {"recipe", "count"} or not isinstance(target, int):
            raise InputError(f"{out / manifest.UNFINISHED} is damaged; delete it and run the command again")
        _same_recipe(out, begun["recipe"], recipe)
        if target > count:
            raise InputError(
                f"{out} is being made with {target:,} images, {count:,} are asked for: "
                "give that count or choose another folder"
            )
    if finished is None and begun is None:
        _check_contents(out, recipe)
    remove_abandoned(out)
    write_sealed_json(out / manifest.UNFINISHED, {"recipe": recipe, "count": count})
    (out / manifest.NAME).unlink(missing_ok=True)
    return 0


def _same_recipe(out: Path, existing: object, requested: dict[str, Any]) -> None:
    if existing == requested:
        return
    old = existing if isinstance(existing, dict) else {}
    names = sorted(name for name in {*old, *requested} if old.get(name) != requested.get(name))
    differences = ", ".join(f"{name} {old.get(name)!r} there, {requested.get(name)!r} asked" for name in names)
    raise InputError(f"{out} holds a set of another recipe ({differences}); choose another folder")


def _check_contents(out: Path, recipe: dict[str, Any]) -> None:
    """Check that a folder without manifest is empty or holds only shards of this recipe."""
    for path in sorted(out.iterdir()):
        if path.name.startswith(".") or is_partial(path.name):
            continue
        if path.suffix != ".h5":
            raise InputError(f"{out} is not empty and not a mixing set (it holds {path.name}); choose another folder")
        try:
            _same_recipe(out, read_info(path).recipe, recipe)
        except DamagedImage as error:
            raise InputError(f"{out} holds a damaged shard, {path.name}; delete it or choose another folder") from error
