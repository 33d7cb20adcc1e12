"""What a feature visualisation is optimised for: scores of images by the features of a network's layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .._drawing.rng import image_seed


class Unit(NamedTuple):
    """What one image shows: a channel of a layer; for `direction` the number of a random direction."""

    layer: str
    channel: int


def channel(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean of a channel over its map, as lucent's `channel`."""
    return _own(features, channels).mean((1, 2))


def neuron(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """A channel at the middle of its map (of four middles the lower right one), as lucent's `neuron`."""
    return _own(features, channels)[:, features.shape[2] // 2, features.shape[3] // 2]


def direction(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean over the map of the cosine between the features and a random direction, as lucent's `direction`."""
    wanted = torch.stack([direction_of(unit, features.shape[1]) for unit in units]).to(features)
    return functional.cosine_similarity(wanted[:, :, None, None], features, dim=1).mean((1, 2))


def deep_dream(features: Tensor, channels: Tensor, units: Sequence[Unit]) -> Tensor:
    """The mean square of all features of the layer (Mordvintsev et al. 2015)."""
    return features.square().mean((1, 2, 3))


OBJECTIVES: dict[str, Callable[[Tensor, Tensor, Sequence[Unit]], Tensor]] = {
    "channel": channel,
    "neuron": neuron,
    "direction": direction,
    "deep-dream": deep_dream,
}
"""By name: (features (n, C, H, W), channels (n,) int64, the n units) → scores (n,), to be made large."""


def scores(objective: str, features: Mapping[str, Tensor], units: Sequence[Unit]) -> Tensor:
    """The score of each image of a batch for its own unit.

    Args:
        objective: of `OBJECTIVES`.
        features: by layer, (N, C, H, W) or (N, C) for the whole batch.
        units: N, one for each image.

    Returns:
        (N,) float32.
    """
    result: Tensor | None = None
    for layer, rows in _rows(units).items():
        maps = _maps(features[layer])
        own = [units[row] for row in rows]
        where = torch.tensor(rows, device=maps.device)
        channels = torch.tensor([unit.channel for unit in own], device=maps.device)
        found = OBJECTIVES[objective](maps if len(rows) == len(units) else maps[where], channels, own)
        result = found.new_zeros(len(units)) if result is None else result
        result = result.index_copy(0, where, found)
    assert result is not None
    return result


def similarity(features: Mapping[str, Tensor], units: Sequence[Unit]) -> Tensor:
    """How alike the images of a batch are: the cosines between the Gram matrices of their layer's features, summed
    over the other images of that layer, the mean over images (lucent's `diversity`, with a plus sign)."""
    total = torch.zeros(())
    for layer, rows in _rows(units).items():
        maps = _maps(features[layer])[rows].flatten(2)
        grams = functional.normalize((maps @ maps.transpose(1, 2)).flatten(1))
        total = total.to(maps.device) + (grams @ grams.T).sum() - len(rows)
    return total / len(units)


def direction_of(unit: Unit, channels: int) -> Tensor:
    """The direction (C,) float32 of a unit: normal draws, a function of its layer's name and its number alone."""
    key = np.array([unit.channel, image_seed(0, int.from_bytes(unit.layer.encode(), "little") % 2**61)], np.uint64)
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=key)).standard_normal(channels, np.float32))


def _maps(features: Tensor) -> Tensor:
    """(N, C, H, W) float32; what has no map, logits for one, is of one pixel."""
    return (features if features.ndim == 4 else features[:, :, None, None]).float()


def _own(features: Tensor, channels: Tensor) -> Tensor:
    return features[torch.arange(len(features), device=features.device), channels]


def _rows(units: Sequence[Unit]) -> dict[str, list[int]]:
    """The places of a batch by layer."""
    rows: dict[str, list[int]] = {}
    for row, unit in enumerate(units):
        rows.setdefault(unit.layer, []).append(row)
    return rows
