"""Ways of putting PixMix and PRIME together that the search for a recipe tried besides chains; see recipe.py.

Each is a method of images: `pixmix train DATASET --method benchmarks/recipe_candidates.py:NAME --mixing-set ...`.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional

from pixmix._augment.draws import draw
from pixmix._engines.numba import mix
from pixmix.methods import Key, Method, Setting, make_method, register_method, uniforms
from pixmix.methods._jsd import jensen_shannon

OWN = 0x5EED
"""Added to the seed for the draws that are made here."""


def part(name: str, setting: Setting) -> Method:
    """One of the methods that are put together."""
    same = {name: getattr(setting, name) for name in ("classes", "size", "mean", "std", "settings", "pool", "engine")}
    return make_method(name, **same)


def coins(key: Key, indices: np.ndarray) -> np.ndarray:
    """A uniform number for each image, (N,)."""
    return uniforms(Key(key.seed ^ OWN, key.epoch), indices, 1)[:, 0]


def to_bytes(images: np.ndarray) -> np.ndarray:
    """(N, 3, H, W) float32 as (N, H, W, 3) uint8."""
    return np.rint(images.transpose(0, 2, 3, 1) * np.float32(255)).astype(np.uint8)


class Candidate(Method):
    """PixMix and PRIME in some other way than one after the other."""

    keys = ("image",)

    def __init__(self, setting: Setting) -> None:
        self.prime, self.pixmix = part("prime", setting), part("pixmix", setting)
        self.settings, self.pool = setting.settings.mix, setting.pool


class HalfPrimed(Candidate):
    """PixMix of all images, half of which PRIME has changed before."""

    name = "half-primed"

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        rows, begin = np.flatnonzero(coins(key, indices) < 0.5), batch.copy()
        begin[rows] = to_bytes(self.prime.augment_array(batch[rows], key, indices[rows]))
        return self.pixmix.augment_array(begin, key, indices)


class PrimedPartner(Candidate):
    """PixMix, for half of the images with PRIME's copy of the image in the place of the mixing image."""

    name = "primed-partner"

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        height, width = batch.shape[1:3]
        draws = draw(self.settings, key, indices, self.pool)
        crops = np.empty_like(batch)
        for n in range(len(batch)):
            image, top, left = draws.image[n], draws.top[n], draws.left[n]
            crops[n] = self.pool.images[image, top : top + height, left : left + width]
        rows = np.flatnonzero(coins(key, indices) < 0.5)
        crops[rows] = to_bytes(self.prime.augment_array(batch[rows], key, indices[rows]))
        return mix(batch, crops, draws.of_crops())


class ThreeViews(Candidate):
    """Three views of each image, the image, PixMix and PRIME of it, each with its label; and a Jensen-Shannon term."""

    name = "three-views"
    views = 3

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.weight = setting.settings.jsd.weight

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        own = batch.transpose(0, 3, 1, 2) / np.float32(255)
        return np.concatenate(
            [own, self.pixmix.augment_array(batch, key, indices), self.prime.augment_array(batch, key, indices)]
        )

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        views = logits.view(3, -1, logits.shape[1])
        return functional.cross_entropy(logits, targets.repeat(3)) + self.weight * jensen_shannon(views)


@register_method("three-views", summary="a candidate of the search", changes="images", needs_pool=True)
def three_views(setting: Setting) -> Method:
    return ThreeViews(setting)


@register_method("half-primed", summary="a candidate of the search", changes="images", needs_pool=True)
def half_primed(setting: Setting) -> Method:
    return HalfPrimed(setting)


@register_method("primed-partner", summary="a candidate of the search", changes="images", needs_pool=True)
def primed_partner(setting: Setting) -> Method:
    return PrimedPartner(setting)
