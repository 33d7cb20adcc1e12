"""Objectives of feature visualisations: scores of images from the features of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .._drawing.rng import image_seed
from .layouts import FIRST, as_map


class Unit(NamedTuple):
    """The unit that an image visualises."""

    layer: str
    """The name of the layer."""
    channel: int
    """The channel of the layer, or for the objective `direction` the number of a random direction."""


def channel(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean of a channel over its map, like lucent's `channel`."""
    return _own(features, channels).mean((1, 2))


def neuron(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The centre of a channel's map (of four central pixels the lower right one), like lucent's `neuron`."""
    return _own(features, channels)[:, features.shape[2] // 2, features.shape[3] // 2]


def direction(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean over the map of the cosine between the features and a random direction, like lucent's `direction`."""
    directions = torch.stack([direction_of(unit, features.shape[1]) for unit in units]).to(features)
    return functional.cosine_similarity(directions[:, :, None, None], features, dim=1).mean((1, 2))


def deep_dream(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean square of all features of the layer (Mordvintsev et al. 2015)."""
    return features.square().mean((1, 2, 3))


OBJECTIVES: dict[str, Callable[[Tensor, Tensor, Sequence[Unit]], Tensor]] = {
    "channel": channel,
    "neuron": neuron,
    "direction": direction,
    "deep-dream": deep_dream,
}
"""Objectives by name: (features (n, C, H, W), channels (n,) int64, n units) → scores (n,), which are maximised."""


def scores(objective: str, features: Mapping[str, Tensor], units: Sequence[Unit]) -> Tensor:
    """The score of each image of a batch for its unit.

    Args:
        objective: one of `OBJECTIVES`.
        features: layer → features of the whole batch, (N, C, H, W) or (N, C); tokens come as a square map.
        units: the unit of each image.

    Returns:
        (N,) float32.
    """
    result: Tensor | None = None
    for layer, rows in _rows(units).items():
        maps = _maps(features[layer])
        own = [units[row] for row in rows]
        index = torch.tensor(rows, device=maps.device)
        channels = torch.tensor([unit.channel for unit in own], device=maps.device)
        values = OBJECTIVES[objective](maps if len(rows) == len(units) else maps[index], channels, own)
        result = values.new_zeros(len(units)) if result is None else result
        result = result.index_copy(0, index, values)
    assert result is not None
    return result


def similarity(features: Mapping[str, Tensor], units: Sequence[Unit]) -> Tensor:
    """The similarity of the images of a batch: lucent's `diversity` with a plus sign.

    It is the mean over images of the summed cosines between the Gram matrices of an image's features and those of the
    other images of the same layer.
    """
    total = torch.zeros(())
    for layer, rows in _rows(units).items():
        maps = _maps(features[layer])[rows].flatten(2)
        grams = functional.normalize((maps @ maps.transpose(1, 2)).flatten(1))
        total = total.to(maps.device) + (grams @ grams.T).sum() - len(rows)
    return total / len(units)


def direction_of(unit: Unit, channels: int) -> Tensor:
    """The random direction of a unit, (C,) float32 normal numbers that depend on its layer's name and number alone."""
    key = np.array([unit.channel, image_seed(0, int.from_bytes(unit.layer.encode(), "little") % 2**61)], np.uint64)
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=key)).standard_normal(channels, np.float32))


def _maps(features: Tensor) -> Tensor:
    """Features as (N, C, H, W) float32; those without a map, such as logits, get one of a single pixel."""
    return as_map(features, FIRST).float()


def _own(features: Tensor, channels: Tensor) -> Tensor:
    return features[torch.arange(len(features), device=features.device), channels]


def _rows(units: Sequence[Unit]) -> dict[str, list[int]]:
    """The rows of a batch by layer."""
    rows: dict[str, list[int]] = {}
    for row, unit in enumerate(units):
        rows.setdefault(unit.layer, []).append(row)
    return rows
