"""Which unit each image of a set shows: all in random order, none again before all have come."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from .._drawing.rng import Draws, image_seed
from .objectives import Unit
from .recipe import FVisRecipe


def units_of(recipe: FVisRecipe, group: int) -> list[Unit]:
    """The units of images `group * batch` up to, not including, `(group + 1) * batch`.

    A function of the recipe (but its count): layers take turns by their numbers of channels, and within a layer its
    channels come in random order, in another one for each time round. In the first batch they take turns image by
    image, so that a small set shows many layers; each later one is of one layer, which costs less.
    """
    first = _turns(recipe.channels, recipe.batch)
    if group == 0:
        return [_unit(recipe, index, first[:number].count(index)) for number, index in enumerate(first)]
    turns = _turns(recipe.channels, group)
    index = turns[-1]
    before = first.count(index) + (turns.count(index) - 1) * recipe.batch
    return [_unit(recipe, index, number) for number in range(before, before + recipe.batch)]


def _unit(recipe: FVisRecipe, index: int, number: int) -> Unit:
    """The unit that the layer at `place` shows in its turn `number`."""
    channels = recipe.channels[index]
    return Unit(recipe.layers[index], _order(recipe.seed, index, number // channels, channels)[number % channels])


def another_unit(recipe: FVisRecipe, unit: Unit, seed: int, attempt: int) -> Unit:
    """A random unit of the same layer, in place of one that showed nothing."""
    channels = recipe.channels[recipe.layers.index(unit.layer)]
    return Unit(unit.layer, Draws(seed, attempt).whole(0, channels - 1))


def _turns(channels: Sequence[int], groups: int) -> list[int]:
    """The layer of each of the first turns: always the one that is furthest behind its share."""
    total, given = sum(channels), [0] * len(channels)
    turns = []
    for group in range(groups):
        behind = [share * (group + 1) - total * got for share, got in zip(channels, given, strict=True)]
        index = behind.index(max(behind))
        given[index] += 1
        turns.append(index)
    return turns


@functools.lru_cache(maxsize=256)
def _order(seed: int, index: int, turn: int, channels: int) -> list[int]:
    draws = Draws(image_seed(image_seed(seed, index), turn), 0)
    return draws.shuffled(range(channels))
