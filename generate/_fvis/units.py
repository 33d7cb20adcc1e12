"""The unit of each image of a set: first of layers of all depths, then of layers by their numbers of channels."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from .._drawing.rng import Draws, image_seed
from .objectives import Unit
from .recipe import FVisRecipe

MIXED = 32
"""The first images, whose layers differ from image to image; a batch of several layers costs more than one of one."""
GOLDEN = 0.6180339887498949
"""Multiples of the golden ratio, modulo 1, are spread evenly over [0, 1), however many they are."""


class _Plan(NamedTuple):
    """The layers of a batch."""

    layers: list[int]
    """The index of each image's layer."""
    before: list[int]
    """How many images of each layer earlier batches have."""


def units_of(recipe: FVisRecipe, group: int) -> list[Unit]:
    """The units of images `group * batch` to `(group + 1) * batch - 1`, as a function of the recipe without its count.

    In batches that begin among the first `MIXED` images, layers alternate image by image and are spread over the
    network's depth, so that a set of any size shows early and late ones. Later batches are of a single layer, the one
    that has fewest images for its number of channels. Within a layer channels come in random order, in a different one
    in each pass.
    """
    plan = _older_plan(recipe, group) if recipe.version == 2 else _plan(recipe, group)
    units, counts = [], list(plan.before)
    for index in plan.layers:
        units.append(_unit(recipe, index, counts[index]))
        counts[index] += 1
    return units


def _unit(recipe: FVisRecipe, index: int, number: int) -> Unit:
    """Unit `number` of the layer with this index."""
    channels = recipe.channels[index]
    return Unit(recipe.layers[index], _order(recipe.seed, index, number // channels, channels)[number % channels])


def another_unit(recipe: FVisRecipe, unit: Unit, seed: int, attempt: int) -> Unit:
    """A random unit of the same layer, to replace one that is dead or flat."""
    channels = recipe.channels[recipe.layers.index(unit.layer)]
    return Unit(unit.layer, Draws(seed, attempt).whole(0, channels - 1))


def _plan(recipe: FVisRecipe, group: int) -> _Plan:
    channels, batch = recipe.channels, recipe.batch
    counts = [0] * len(channels)
    for start in range(0, group * batch, batch):
        for index in _layers_of(channels, batch, start, counts):
            counts[index] += 1
    return _Plan(_layers_of(channels, batch, group * batch, counts), counts)


def _layers_of(channels: Sequence[int], batch: int, start: int, before: Sequence[int]) -> list[int]:
    """The index of the layer of each image of the batch that begins with image `start`."""
    counts, order = list(before), _spread(len(channels))
    if start >= MIXED:
        # Exact, in whole numbers: images of the layer's share of all, less those that it has.
        total, ends = sum(channels), start + batch
        behind = [share * ends - total * count for share, count in zip(channels, counts, strict=True)]
        return [behind.index(max(behind))] * batch
    layers = []
    for _ in range(batch):
        # A layer waits when all its units are shown, until those of the others are.
        index = min(order, key=lambda index: (counts[index] // channels[index], counts[index]))
        counts[index] += 1
        layers.append(index)
    return layers


@functools.lru_cache(maxsize=16)
def _spread(layers: int) -> list[int]:
    """The indices of layers in an order of which every beginning is spread evenly over all."""
    # Twice as many numbers as layers are enough to meet each of them.
    return list(dict.fromkeys(int(layers * (number * GOLDEN % 1.0)) for number in range(2 * layers)))


def _older_plan(recipe: FVisRecipe, group: int) -> _Plan:
    """As content version 2 has it: the first batch by numbers of channels, too, and so from the widest layers on."""
    channels, batch = recipe.channels, recipe.batch
    first = _turns(channels, batch)
    if group == 0:
        return _Plan(first, [0] * len(channels))
    *turns, index = _turns(channels, group)
    return _Plan([index] * batch, [first.count(layer) + turns.count(layer) * batch for layer in range(len(channels))])


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
