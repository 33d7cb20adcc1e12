"""Feature visualisations of a recipe: a range of indices in, finished pictures out, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from ..rng import picture_seed
from .folding import folded
from .networks import load_network
from .objectives import Unit
from .optimise import visualise
from .recipe import FVisRecipe
from .units import another_unit, units_of


def render_all(recipe: FVisRecipe, indices: range, device: str) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """The pictures of consecutive indices, optimised on `device` in the batches that the recipe fixes.

    Batches that the indices cut are optimised whole: a picture is the same whatever is asked for beside it, bit for
    bit on a CPU with one torch thread. On a GPU, in bfloat16, the units and seeds are the same and the pictures alike.

    Yields:
        A picture (S, S, 3) uint8, its own 64-bit seed, and what it shows.

    Raises:
        InputError: the network is not the one of the recipe, or cannot take such pictures.
    """
    for group in range(indices.start // recipe.batch, -(-indices.stop // recipe.batch)):
        for index, finished in enumerate(_render_batch(recipe, group, device), group * recipe.batch):
            if index in indices:
                yield finished


def _render_batch(recipe: FVisRecipe, group: int, device: str) -> list[tuple[np.ndarray, int, dict[str, Any]]]:
    network = load_network(recipe.network, mean=recipe.mean, std=recipe.std)
    recipe.check_weights(network.weights_hash)
    units = units_of(recipe, group)
    first = group * recipe.batch
    seeds = [picture_seed(recipe.seed, index) for index in range(first, first + recipe.batch)]

    def choose(place: int, attempt: int) -> Unit:
        return another_unit(recipe, units[place], seeds[place], attempt) if attempt else units[place]

    done = visualise(
        folded(network.body, keep=[units[0].layer], size=recipe.size).to(device),
        choose,
        seeds,
        mean=network.mean,
        std=network.std,
        size=recipe.size,
        steps=recipe.steps,
        lr=recipe.lr,
        objective=recipe.objective,
        diversity=recipe.diversity,
        amp=torch.bfloat16 if torch.device(device).type == "cuda" else None,
    )
    return [
        (
            picture,
            seed,
            {
                "network": recipe.network,
                "weights": recipe.weights[:16],
                "layer": unit.layer,
                "channel": None if recipe.objective == "deep-dream" else unit.channel,
                "objective": recipe.objective,
                "steps": recipe.steps,
                "size": recipe.size,
                "index": first + place,
                "attempt": len(refused),
                "refused": refused,
                "score": round(float(score), 5),
            },
        )
        for place, (picture, seed, unit, score, refused) in enumerate(
            zip(done.pictures, seeds, done.units, done.scores, done.refused, strict=True)
        )
    ]
