"""Feature visualisations of a recipe: a range of indices in, finished images out, a batch at a time."""

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
"""Images that a CPU optimises together: more do not fit its caches, and each takes longer."""


def render_all(recipe: FVisRecipe, indices: range, device: str) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """The images of consecutive indices, optimised on `device` in the batches that the recipe fixes.

    An image is the same whatever is asked for beside it, bit for bit on a CPU with one torch thread. On a GPU, in
    bfloat16, the units and seeds are the same and the images alike.

    Yields:
        An image (S, S, 3) uint8, its own 64-bit seed, and what it shows.

    Raises:
        InputError: the network is not the one of the recipe, or cannot take such images.
    """
    for group in range(indices.start // recipe.batch, -(-indices.stop // recipe.batch)):
        first = group * recipe.batch
        # Nothing is asked of the generator beyond the last index, so that no more than its chunk is optimised.
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
    seeds = [image_seed(recipe.seed, first + index) for index in range(len(units))]

    def choose(index: int, attempt: int) -> Unit:
        return another_unit(recipe, units[index], seeds[index], attempt) if attempt else units[index]

    done = visualise(
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
        amp=amp,
    )
    for index, seed in enumerate(seeds):
        layer, channel = done.units[index]
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
            "attempt": len(done.refused[index]),
            "refused": done.refused[index],
            "score": round(float(done.scores[index]), 5),
        }
        yield done.images[index], seed, params
