"""All randomness of PRIME but its normal numbers of image size, which `_prime_normals` makes where they are used."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._augment.draws import Key
from .._common import philox
from .._common.philox import block, unit
from ._prime_normals import fill_normals
from ._settings import PrimeSettings

WIDTH = 3
"""Chains that are mixed."""
DEPTH = 3
"""Steps of the longest chain; their number is drawn."""
FILTER, COLOUR, FIELD = range(3)
"""The primitives, by their number in `PrimeDraws.op`."""


class Strengths(NamedTuple):
    """PRIME's settings for one size of images; see `PrimeSettings`."""

    sigma: float
    colour: float
    frequencies: int
    band: int
    one: int
    """Row and column of the filter's own 1."""
    side: int
    """The images' shorter side."""


class PrimeDraws(NamedTuple):
    """What PRIME makes of N images: W chains of at most D steps."""

    seed: np.uint64
    """Seed of the normal numbers that the primitives draw."""
    epoch: np.uint64
    """Epoch of these numbers."""
    indices: np.ndarray
    """(N,) int64: indices of the images in their data set."""
    share: np.ndarray
    """(N,) float32: the weight of the mixed chains; the image itself has the rest of 1."""
    weights: np.ndarray
    """(N, W) float32: those of the chains among themselves; they sum to 1."""
    op: np.ndarray
    """(N, W, D) int8: the chain's primitives in their order; −1 behind its last."""
    taps: np.ndarray
    """(N, W, D, 3, 3) float32: the filter's kernel."""
    temperature: np.ndarray
    """(N, W, D) float32: the variance of a colour curve's waves, or of a displacement, in squares of the side."""
    first: np.ndarray
    """(N, W, D) int32: the lowest frequency of a colour curve."""
    number: np.ndarray
    """(N, W, D) int32: how many frequencies a colour curve has, or the highest of a displacement field."""
    field: np.ndarray
    """(N, W, 2) int64: index and chain under whose normal numbers displacements are drawn."""

    def rows(self, rows: slice) -> PrimeDraws:
        """The draws of some of the images."""
        return PrimeDraws(self.seed, self.epoch, *(array[rows] for array in self[2:]))


def strengths(settings: PrimeSettings, size: tuple[int, int]) -> Strengths:
    """The settings, the authors' for this size where none is given: CIFAR's up to 64 px, ImageNet's above."""
    small = min(size) <= 64
    return Strengths(
        sigma=float(settings.sigma),
        colour=float((0.01 if small else 0.05) if settings.colour is None else settings.colour),
        frequencies=(100 if small else 500) if settings.frequencies is None else settings.frequencies,
        band=(0 if small else 20) if settings.band is None else settings.band,
        one=1 if settings.filter == "centred" else 2,
        side=min(size),
    )


def draw(settings: PrimeSettings, size: tuple[int, int], key: Key, indices: np.ndarray) -> PrimeDraws:
    """What PRIME makes of each of the images `indices`: a function of the arguments and nothing else.

    Args:
        settings: the user's choices. With draws for each batch, strengths and displacements are those of the first
            image's first chain.
        size: (H, W) of the images.
        key: seed and epoch.
        indices: (N,) the images' indices in their data set, 0 to 2**32 − 1.
    """
    indices = philox.check_indices(indices)
    shape = (len(indices), WIDTH, DEPTH)
    field = np.empty((*shape[:2], 2), np.int64)
    field[..., 0], field[..., 1] = indices[:, None], np.arange(WIDTH)
    if settings.draws == "batch":
        field[:] = field[:1, :1]
    draws = PrimeDraws(
        seed=np.uint64(key.seed),
        epoch=np.uint64(key.epoch),
        indices=indices,
        share=np.empty(shape[0], np.float32),
        weights=np.empty(shape[:2], np.float32),
        op=np.full(shape, -1, np.int8),
        taps=np.zeros((*shape, 3, 3), np.float32),
        temperature=np.zeros(shape, np.float32),
        first=np.zeros(shape, np.int32),
        number=np.zeros(shape, np.int32),
        field=field,
    )
    _fill(draws, strengths(settings, size))
    return draws


# The blocks of an image: 0 has its share; chain w has 64 from 64 (w + 1) on, of which the first has weight and depth,
# block 4 + 4 d + p the strengths of primitive p at step d, and block 4 + 4 d + 3 which primitive it is.
_STREAM = np.uint64(philox.PRIME)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@kernel
def _uniforms(draws: PrimeDraws, index: int, chain: int, number: int) -> tuple[float, float, float]:
    """The first three uniform numbers of one block of a chain; chain −1 is the image's own."""
    place = np.uint64(64 * (chain + 1) + number)
    w = block(np.uint64(index), draws.epoch, place, _STREAM, draws.seed & _LOW, draws.seed >> _32)
    return unit(w[0]), unit(w[1]), unit(w[2])


@kernel
def _fill(draws: PrimeDraws, strong: Strengths) -> None:
    """Every field of `draws` from `share` on but `field`."""
    for n in range(draws.share.size):
        index = draws.indices[n]
        draws.share[n] = _uniforms(draws, index, -1, 0)[0]
        total = 0.0
        for w in range(WIDTH):
            u = _uniforms(draws, index, w, 0)
            weight = -math.log(u[0])  # exponential, and so Dirichlet(1) by its share in the sum
            draws.weights[n, w] = weight
            total += weight
            for d in range(1 + int(u[1] * DEPTH)):
                op = int(_uniforms(draws, index, w, 4 + 4 * d + 3)[0] * 3)
                draws.op[n, w, d] = op
                strength = _uniforms(draws, draws.field[n, w, 0], draws.field[n, w, 1], 4 + 4 * d + op)
                if op == FILTER:
                    _fill_taps(draws, strong, strength[0], (n, w, d))
                elif op == COLOUR:
                    _fill_colour(draws, strong, strength, (n, w, d))
                else:
                    _fill_field(draws, strong, strength, (n, w, d))
        for w in range(WIDTH):
            draws.weights[n, w] /= np.float32(total)


@kernel
def _fill_taps(draws: PrimeDraws, strong: Strengths, u: float, step: tuple[int, int, int]) -> None:
    n, w, d = step
    taps = draws.taps[n, w, d].reshape(-1)
    fill_normals(draws.seed, draws.epoch, draws.indices[n], 3 * (DEPTH * w + d), _FILTERS, taps)
    sigma = np.float32(strong.sigma * u)
    for i in range(9):
        taps[i] *= sigma
    draws.taps[n, w, d, strong.one, strong.one] += np.float32(1)


@kernel
def _fill_colour(
    draws: PrimeDraws, strong: Strengths, u: tuple[float, float, float], step: tuple[int, int, int]
) -> None:
    n, w, d = step
    last = 1 + int(u[1] * strong.frequencies)
    first = 1 if strong.band == 0 else 1 + int(u[2] * last)
    draws.temperature[n, w, d] = strong.colour * u[0]
    draws.first[n, w, d] = first
    draws.number[n, w, d] = last - first + 1 if strong.band == 0 else min(last - first + 1, strong.band)


@kernel
def _fill_field(
    draws: PrimeDraws, strong: Strengths, u: tuple[float, float, float], step: tuple[int, int, int]
) -> None:
    n, w, d = step
    most = 3 + int(u[0] * (strong.frequencies - 2))
    cut = min(int(2 + _arcsine(u[1]) * (most - 1)), most)
    least, highest = field_temperatures(cut, strong.side)
    draws.number[n, w, d] = cut
    draws.temperature[n, w, d] = least + _arcsine(u[2]) * (highest - least)


@kernel
def _arcsine(u: float) -> float:
    """A Beta(½, ½) number from a uniform one."""
    root = math.sin(math.pi / 2 * u)
    return root * root


@kernel
def field_temperatures(cut: float, side: int) -> tuple[float, float]:
    """The range of the temperature of a displacement field with frequencies up to `cut` in images of `side` pixels.

    From the lower end on a displacement is visible, up to the higher end it moves no pixel past another.
    """
    cut = cut + 1e-6
    least = 1 / (math.pi * side * side * math.log(cut))
    return least, max(least, 4 / (math.pi * math.pi * math.pi * cut * cut * math.log(cut)))


_FILTERS = np.uint64(philox.PRIME_FILTERS)
