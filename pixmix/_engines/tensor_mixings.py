"""The mixing rounds for tensors on any device: steps over a whole batch, masked where an image has fewer rounds.

What is done does not depend on what was drawn, so it compiles: on a GPU all rounds are one pass over the images. What
depends on a byte that is mixed in, and not on the image so far, has 256 values and comes from a table.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from .._augment.draws import Draws
from .._augment.settings import MIXINGS

_ADD, _MULTIPLY, _SCREEN, _OVERLAY, _DARKEN_OR_LIGHTEN, _SWAP_CHANNEL = range(len(MIXINGS))
# What is mixed in, as a function of its byte x in [0, 1]; the last two are exponents of e when times a weight.
_LINEAR, _VALUE, _POWER, _INVERSE_POWER = range(4)
_FLOOR = 1e-37
"""Keeps black to a negative power finite."""
_SMALLEST = 1.1754944e-38
"""Of the normal float32 numbers; what is below is taken for 0."""


def describe_rounds(draws: Draws) -> dict[str, np.ndarray]:
    """What the rounds need of the draws, to be carried to the device.

    Returns:
        All (N, k): `active`, whether there is the round; `kind`, the mixing; `a`, the weight of the image so far, or
        its exponent; `curve` and `scale`, of the table of what is mixed in. With mixings beyond add and multiply also
        `coin` and `channel`, and `a2` and `scale2`, of screen and the bright part of overlay.
    """
    active = np.arange(draws.op.shape[1]) < draws.rounds[:, None]
    curves = np.array([_LINEAR, _POWER, _POWER, _POWER, _VALUE, _VALUE])
    weightless = draws.mixing >= _DARKEN_OR_LIGHTEN
    fields = {
        "active": active,
        "kind": draws.mixing,
        "a": draws.a,
        "curve": curves[draws.mixing],
        "scale": np.where(weightless, np.float32(1), draws.b),
    }
    if not (draws.mixing > _MULTIPLY).any():
        return fields
    screen = draws.mixing == _SCREEN
    return fields | {
        "coin": draws.coin,
        "channel": draws.channel,
        "a2": np.where(screen, draws.a, draws.a2),
        "scale2": np.where(screen, draws.b, draws.b2),
    }


@cache
def _curves(device: torch.device) -> Tensor:
    """(4, 256) float32: the four functions of a byte."""
    x = np.arange(256, dtype=np.float32) / np.float32(255)
    powers = [np.log(np.maximum(2 * each.astype(np.float64), _FLOOR)) for each in (x, 1 - x)]
    return torch.from_numpy(np.stack([x * 2 - 1, x, *powers]).astype(np.float32)).to(device)


def make_tables(rounds: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """(N, k, 256) float32 for all rounds; with mixings beyond add and multiply a second such table."""
    curves = _curves(rounds["a"].device)
    scaled = curves[rounds["curve"]].mul_(rounds["scale"][..., None])
    powers = (rounds["curve"] >= _POWER)[..., None]
    table = torch.where(powers, scaled.exp(), scaled)
    if "a2" not in rounds:
        return (table,)
    return table, (curves[_INVERSE_POWER] * rounds["scale2"][..., None]).exp_()


def mix_rounds(sources: Tensor, slots: Tensor, rounds: dict[str, Tensor], tables: tuple[Tensor, ...]) -> Tensor:
    """The images after all rounds.

    Args:
        sources: (G, H, W, 3) uint8.
        slots: (N, 1 + k) int64, the sources of each image.
        rounds: as `describe_rounds` has them.
        tables: of `make_tables`.

    Returns:
        (N, H, W, 3) float32 in [0, 1].
    """
    count, shape = len(slots), sources.shape[1:]
    x = sources[slots[:, 0]].to(torch.float32) / 255
    for r in range(slots.shape[1] - 1):
        index = sources[slots[:, r + 1]].view(count, -1).to(torch.int64)
        others = [table[:, r].gather(1, index).view(count, *shape) for table in tables]
        one = {name: numbers[:, r, None, None, None] for name, numbers in rounds.items()}
        mixed = _mix_basic(x, others[0], one) if len(tables) == 1 else _mix_any(x, others[0], others[1], one)
        x = torch.where(one["active"], mixed.clamp(0, 1), x)
    return x


def _mix_basic(x: Tensor, other: Tensor, one: dict[str, Tensor]) -> Tensor:
    """One round of add or multiply."""
    added = (one["a"] * (x * 2 - 1) + other + 1) / 2
    return torch.where(one["kind"] == _MULTIPLY, _power(x * 2, one["a"]) * other / 2, added)


def _mix_any(x: Tensor, other: Tensor, other2: Tensor, one: dict[str, Tensor]) -> Tensor:
    """One round of any of the mixings."""
    kind, coin = one["kind"], one["coin"]
    dark = torch.where(coin, x < 0.5, x > 0.5)
    multiplied = (kind == _MULTIPLY) | ((kind == _OVERLAY) & dark)
    screened = 1 - _power((1 - x) * 2, one["a2"]) * other2 / 2
    channels = torch.arange(3, device=x.device)
    swapped = torch.where(channels == one["channel"], other, x)
    mixed = torch.where(coin, torch.minimum(x, other), torch.maximum(x, other))
    mixed = torch.where(kind == _SWAP_CHANNEL, swapped, mixed)
    mixed = torch.where((kind == _SCREEN) | (kind == _OVERLAY), screened, mixed)
    basic = _mix_basic(x, other, one | {"kind": torch.where(multiplied, _MULTIPLY, _ADD)})
    return torch.where(multiplied | (kind == _ADD), basic, mixed)


def _power(x: Tensor, a: Tensor) -> Tensor:
    """x^a for x ≥ 0 and a ≥ 0, by logarithm and exponential: far cheaper on a GPU than its exact power."""
    zero = (a == 0).to(torch.float32)
    return torch.where(x >= _SMALLEST, (a * x.log()).exp(), zero)
