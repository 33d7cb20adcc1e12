"""Rendering the feature visualisations of a recipe for a range of indices, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from .._drawing.rng import image_seed
from .folding import folded
from .objectives import Unit
from .optimise import visualise
from .recipe import FVisRecipe
from .units import another_unit, units_of

CPU_BATCH = 8
"""The number of images that a CPU optimises together; more do not fit into its caches and take longer each."""


def render_all(recipe: FVisRecipe, indices: range, device: str) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """Yield the images of consecutive indices, optimised on `device` in the recipe's batches.

    An image does not depend on the other indices, bit for bit on a CPU with one torch thread. On a GPU, in bfloat16,
    units and seeds are the same and the images are similar.

    Yields:
        An image (S, S, 3) uint8, its 64-bit seed, and its params.

    Raises:
        InputError: the network is not that of the recipe, or does not accept such images.
    """
    for group in range(indices.start // recipe.batch, -(-indices.stop // recipe.batch)):
        first = group * recipe.batch
        # islice stops at the last index, so that later chunks are not optimised.
        for index, finished in enumerate(islice(_render_batch(recipe, group, device), indices.stop - first), first):
            if index >= indices.start:
                yield finished


def _render_batch(recipe: FVisRecipe, group: int, device: str) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    network = recipe.load()
    recipe.check_weights(network.weights_hash)
    units = units_of(recipe, group)
    body = folded(network.body, keep={unit.layer for unit in units}, size=recipe.size).to(device)
    on_gpu = torch.device(device).type == "cuda"
    together = recipe.batch if on_gpu or recipe.diversity else min(recipe.batch, CPU_BATCH)
    for start in range(0, recipe.batch, together):
        first = group * recipe.batch + start
        yield from _optimise(recipe, body, first, units[start : start + together], torch.bfloat16 if on_gpu else None)


def _optimise(
    recipe: FVisRecipe, body: nn.Module, first: int, units: list[Unit], amp: torch.dtype | None
) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    assert recipe.mean is not None and recipe.std is not None
    phases_alone = recipe.parametrisation == "maco" and recipe.version == 2
    seeds = [image_seed(recipe.seed, first + index) for index in range(len(units))]

    def choose(index: int, attempt: int) -> Unit:
        return another_unit(recipe, units[index], seeds[index], attempt) if attempt else units[index]

    visualised = visualise(
        body,
        choose,
        seeds,
        mean=recipe.mean,
        std=recipe.std,
        size=recipe.size,
        steps=recipe.steps,
        lr=recipe.lr,
        objective=recipe.objective,
        diversity=recipe.diversity,
        parametrisation="maco-phases" if phases_alone else recipe.parametrisation,
        layouts=dict(zip(recipe.layers, recipe.layouts, strict=False)),
        amp=amp,
    )
    for index, seed in enumerate(seeds):
        layer, channel = visualised.units[index]
        params = {
            "shows": layer if recipe.objective == "deep-dream" else f"{layer}:{channel}",
            "network": recipe.network,
            "weights": recipe.weights[:16],
            "layer": layer,
            "channel": None if recipe.objective == "deep-dream" else channel,
            "objective": recipe.objective,
            "steps": recipe.steps,
            "size": recipe.size,
            "index": first + index,
            "attempt": len(visualised.refused[index]),
            "refused": visualised.refused[index],
            "score": round(float(visualised.scores[index]), 5),
        }
        if recipe.parametrisation != "fourier":
            params["parametrisation"] = recipe.parametrisation
        if recipe.layouts:
            params["layout"] = recipe.layouts[recipe.layers.index(layer)]
        yield visualised.images[index], seed, params
