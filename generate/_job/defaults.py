"""The default mixing set: made once on a machine, so that training needs no file."""

from __future__ import annotations

import sys
from pathlib import Path

from mixset._common.cache import cache_folder
from mixset._common.cores import check_workers
from mixset._common.errors import InputError
from mixset._common.locks import locked
from mixset._store import manifest

from .._fractals.recipe import FractalRecipe
from .families import Recipe
from .job import make

COUNT = 4_096
SMALL, LARGE = 64, 256
"""Sides of the two sets in pixels: one for training images up to 64, one for those above."""


def default_recipe(size: int | tuple[int, int]) -> FractalRecipe:
    """What the default set for training images of `size` (S or (H, W)) is made from."""
    side = max(size) if isinstance(size, tuple | list) else size
    if side < 1:
        raise InputError(f"size: {size} is out of range; give the training images' side in pixels")
    return FractalRecipe(count=COUNT, size=SMALL if side <= SMALL else LARGE)


def default_set(size: int | tuple[int, int], *, workers: int | None = None, quiet: bool = False) -> Path:
    """The folder of the default mixing set for training images of `size`, made in the cache when missing.

    Processes that ask at the same time (the ranks of a run) wait for the one that makes it.

    Args:
        size: S or (H, W) of the training images.
        workers: processes to make it with; default: one for each core this process may use.
        quiet: neither announcement nor progress on stderr.

    Raises:
        InputError: the disk is full; a size out of range.
    """
    recipe = default_recipe(size)
    folder = cache_folder() / f"fractals-{recipe.size}-v{recipe.content_version}"
    if not _finished(folder, recipe):
        with locked(folder.with_suffix(".lock")):
            if not _finished(folder, recipe):
                if not quiet:
                    _announce(folder, recipe, workers)
                make(recipe, folder, workers=workers, quiet=quiet)
    return folder


def _finished(folder: Path, recipe: Recipe) -> bool:
    listed = manifest.read(folder)
    if listed is None or listed.recipe != recipe.to_json() or listed.count != recipe.count:
        return False
    return all((folder / one.name).exists() for one in listed.shards)


def _announce(folder: Path, recipe: FractalRecipe, workers: int | None) -> None:
    cores = check_workers(workers)
    seconds = recipe.count * _SECONDS[recipe.shape[0]] / cores
    about = f"{max(5, round(seconds / 5) * 5)} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    print(
        f"making the default mixing set once: {recipe.count:,} fractals of {recipe.size} pixels in {folder}, "
        f"about {about} on {cores} {'core' if cores == 1 else 'cores'}",
        file=sys.stderr,
    )


_SECONDS = {SMALL: 0.004, LARGE: 0.007}
"""Seconds of one core for a finished image, by benchmarks/fractals.py, with room; for the announcement only."""
