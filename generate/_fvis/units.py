"""The unit of each image of a set: all units in random order, each once before any is repeated."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from .._drawing.rng import Draws, image_seed
from .objectives import Unit
from .recipe import FVisRecipe


def units_of(recipe: FVisRecipe, group: int) -> list[Unit]:
    """The units of images `group * batch` to `(group + 1) * batch - 1`, as a function of the recipe without its count.

    Layers alternate in proportion to their numbers of channels, and within a layer channels come in random order, in a
    different one in each pass. In the first batch layers alternate image by image, so that a small set shows many
    layers; later batches are of a single layer, which costs less.
    """
    first = _turns(recipe.channels, recipe.batch)
    if group == 0:
        return [_unit(recipe, index, first[:number].count(index)) for number, index in enumerate(first)]
    turns = _turns(recipe.channels, group)
    index = turns[-1]
    before = first.count(index) + (turns.count(index) - 1) * recipe.batch
    return [_unit(recipe, index, number) for number in range(before, before + recipe.batch)]


def _unit(recipe: FVisRecipe, index: int, number: int) -> Unit:
    """Unit `number` of the layer with this index."""
    channels = recipe.channels[index]
    return Unit(recipe.layers[index], _order(recipe.seed, index, number // channels, channels)[number % channels])


def another_unit(recipe: FVisRecipe, unit: Unit, seed: int, attempt: int) -> Unit:
    """A random unit of the same layer, to replace one that is dead or flat."""
    channels = recipe.channels[recipe.layers.index(unit.layer)]
    return Unit(unit.layer, Draws(seed, attempt).whole(0, channels - 1))


def _turns(channels: Sequence[int], groups: int) -> list[int]:
    """The index of the layer in each of the first turns, always the one that is furthest behind its share."""
    total, counts = sum(channels), [0] * len(channels)
    turns = []
    for group in range(groups):
        deficits = [share * (group + 1) - total * count for share, count in zip(channels, counts, strict=True)]
        index = deficits.index(max(deficits))
        counts[index] += 1
        turns.append(index)
    return turns


@functools.lru_cache(maxsize=256)
def _order(seed: int, index: int, turn: int, channels: int) -> list[int]:
    draws = Draws(image_seed(image_seed(seed, index), turn), 0)
    return draws.shuffled(range(channels))
