"""Images of recipes: ranges for shards, and one image of a set again, at any size."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mixset import MixingSet
from mixset._common.arguments import check_whole
from mixset._common.errors import InputError, printable, reading
from mixset._common.workers import bound_device

from .devices import at_work
from .families import Family, Recipe, family, load


def render(
    source: MixingSet | str | os.PathLike[str],
    index: int,
    *,
    size: int | tuple[int, int] | None = None,
    trust: bool = False,
) -> np.ndarray:
    """An image of a made set again, at any size: of a drawn family the same image, of a visualisation the same unit.

    Args:
        source: a mixing set, or its folder.
        index: of the image in the set.
        size: side in pixels, or (height, width), of families that a formula draws; default: the set's own. An image
            that is not square is the middle of the square one.
        trust: use code and files, too, that the set's recipe names.

    Returns:
        (H, W, 3) uint8.

    Raises:
        InputError: the image was imported, another version of the maker made it, its recipe needs trust, or an
            argument is out of range.
    """
    images = source if isinstance(source, MixingSet) else MixingSet(source)
    index = check_whole("index", index, low=0, high=len(images) - 1)
    origin = images.origin(index)
    where = " ".join(map(str, images.sources))
    if origin is None or "imported" in origin.recipe:
        raise InputError(f"image {index} of {where} was imported, so nothing can draw it again; read it as it is")
    kind = family(origin.family)
    recipe: Any = read_recipe(origin.recipe, origin.family, origin.index + 1, where, trust=trust)
    if size is not None:
        recipe = dataclasses.replace(recipe, size=tuple(size) if isinstance(size, list) else size)
    if kind.draw is None:
        return next(render_images(kind, recipe, range(origin.index, origin.index + 1)))[0]
    from .._drawing.redraws import ATTEMPTS
    from .._drawing.rng import image_seed

    # The draw that was kept, whatever the filters would say of it at another size.
    with reading(f"the params of image {index} of {where}", "make a new set"):
        attempt = check_whole("attempt", origin.params["attempt"], low=0, high=ATTEMPTS - 1)
    image: np.ndarray = load(kind.draw)(recipe.style, recipe.shape, image_seed(recipe.seed, origin.index), attempt)[0]
    return image


def read_recipe(values: Mapping[str, Any], name: str, count: int, where: str | Path, *, trust: bool) -> Recipe:
    """The recipe of family `name` that `where`, a set or its file, holds as `values`.

    Raises:
        InputError: another version of the maker wrote it, or it names what is not used without trust.
    """
    with reading(f"the recipe in {where}", "make a new set"):
        recipe: Recipe = load(family(name).recipe).from_json(values, count=count)
        named = recipe.foreign()
    if named is None:
        return recipe
    if not trust:
        raise InputError(
            f"{where}: names {named}, and what files name is not used; if you know the set, "
            "--trust makes its shards again"
        )
    print(f"trusted: {printable(named)}, which {printable(str(where))} names", file=sys.stderr)
    return recipe.trusted()


def render_images(
    kind: Family, recipe: Recipe, indices: range, device: str = "auto"
) -> Generator[tuple[np.ndarray, int, dict[str, Any]], None, None]:
    """The images of a recipe; of a family that works on a device, on this process's own, else on that one."""
    images = load(kind.render)
    if not kind.on_device:
        yield from images(recipe, indices)
        return
    with at_work(bound_device() or device) as working:
        yield from images(recipe, indices, working)
