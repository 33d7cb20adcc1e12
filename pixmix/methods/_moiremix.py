"""MoireMix (2026): PixMix whose mixing images are rings of Moiré, drawn anew for each image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from mixset._common.errors import InputError
from mixset._common.kernels import kernel
from mixset._common.moire import MARGIN, MOST, rings

from .._augment.draws import Draws, Key, draw
from .._augment.residents import Resident
from .._augment.settings import PixMixSettings
from .._augment.transfers import carry
from .._common import philox
from .._common.threads import run
from .._engines import find_engine
from .._engines.torch import mix_tensors
from ._base import Method, Setting

SHARE = 0.45
"""Of the side: the highest frequency by default, a little below the 0.5 from which on waves show as longer ones."""
PUBLISHED = 100
"""The highest frequency of the original at any size."""


class Rings(NamedTuple):
    """The mixing images of N images; what stands behind an image's last ring is 0."""

    rings: np.ndarray
    """(N,) int64: how many the image has, 1 to `MOST`; 0 where no round mixes it in."""
    frequencies: np.ndarray
    """(N, MOST) float64: their waves on the shorter side, whole numbers, all different."""
    centres: np.ndarray
    """(N, MOST, 2) float64: x and y of their centres in pixels."""


class _Pool(NamedTuple):
    """In place of a mixing set, from which nothing is taken."""

    images: np.ndarray = np.zeros((1, 1, 1, 3), np.uint8)
    size: tuple[int, int] = (1, 1)
    counts: tuple[int, ...] = (1,)
    weights: tuple[float, ...] = (1.0,)


class MoireMix(Method):
    """PixMix with a mixing image of its own for each image and epoch: up to three grey rings, added.

    Ops, mixings and their weights are PixMix's draws. Copies of an image share its mixing image.

    Args:
        settings: PixMix's; default the CIFAR ones.
        frequencies: the highest frequency; default `SHARE` of the images' shorter side, at most `PUBLISHED`.
        engine: which of `pixmix._engines.ENGINES` mixes.

    Raises:
        InputError: an unknown engine, or settings that mix no mixing image in.
    """

    name = "moiremix"
    keys = ("image",)

    def __init__(
        self, *, settings: PixMixSettings | None = None, frequencies: int | None = None, engine: str = "numba"
    ) -> None:
        self.settings, self.frequencies, self.engine = settings or PixMixSettings(), frequencies, engine
        if self.settings.partner == "input":
            raise InputError("method moiremix cannot have partner 'input'; that is method mix-input")
        find_engine(engine)

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        draws, images = self._draw(key, indices, batch.shape[1:3])
        return find_engine(self.engine)(batch, np.repeat(images[..., None], 3, axis=3), draws)

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        draws, images = self._draw(key, indices, batch.shape[1:3])
        # A third of the bytes go to the device.
        grey = carry(batch.device, images=images)["images"][..., None]
        return mix_tensors(batch, Resident(grey.expand(-1, -1, -1, 3), batch.device), draws)

    def _draw(self, key: Key, indices: np.ndarray, size: tuple[int, ...]) -> tuple[Draws, np.ndarray]:
        """PixMix's draws, and the mixing images, (N, H, W) uint8; those that are not mixed in are black."""
        height, width = size
        draws = draw(self.settings, key, indices, _Pool()).of_crops()
        drawn = draw_rings(key, indices, (height, width), self.frequencies)
        rounds = np.arange(draws.op.shape[1]) < draws.rounds[:, None]
        mixed_in = (rounds & (draws.op < 0)).any(axis=1)
        images = np.zeros((len(draws), height, width), np.uint8)
        arguments = [drawn._replace(rings=drawn.rings * mixed_in), images]
        run(_fill, len(images), arguments, values=images.size)
        return draws, images


def draw_rings(key: Key, indices: np.ndarray, size: tuple[int, int], frequencies: int | None = None) -> Rings:
    """The mixing images of the images `indices`: a function of the arguments and nothing else.

    Args:
        key: seed and epoch; copies have their first's.
        indices: (N,) the images' positions in their data set.
        size: (H, W) of the images.
        frequencies: as for `MoireMix`.
    """
    height, width = size
    highest = frequencies or min(max(int(SHARE * min(size)), MOST), PUBLISHED)
    shared = key.shared
    u = philox.uniforms(shared.seed, shared.epoch, indices, philox.MOIREMIX, 1 + 3 * MOST)
    count = 1 + (u[:, 0] * MOST).astype(np.int64)
    # Each is drawn from those that are left: a number counts the smaller ones that are taken, from the lowest on.
    chosen = np.zeros((len(u), MOST), np.int64)
    for m in range(MOST):
        number = 1 + (u[:, 1 + m] * (highest - m)).astype(np.int64)
        for taken in np.sort(chosen[:, :m], axis=1).T:
            number += number >= taken
        chosen[:, m] = number
    there = np.arange(MOST) < count[:, None]
    places = MARGIN + (1 - 2 * MARGIN) * u[:, 1 + MOST :].reshape(-1, MOST, 2)
    return Rings(count, (chosen * there).astype(np.float64), places * (width, height) * there[..., None])


@kernel
def _fill(first: int, last: int, drawn: Rings, images: np.ndarray) -> None:
    for n in range(first, last):
        count = drawn.rings[n]
        if count:
            images[n] = rings(drawn.centres[n, :count], drawn.frequencies[n, :count], *images[n].shape)


def make(name: str, setting: Setting) -> Method:
    """MoireMix with its settings and PixMix's."""
    chosen = setting.settings
    return MoireMix(settings=chosen.mix, frequencies=chosen.moiremix.frequencies, engine=setting.engine)
