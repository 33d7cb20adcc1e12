"""A family of pictures that costs nothing, to try the job with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixset.generate.families import Family

TINY = Family("noise of 8 pixels", "tiny_family:TinyRecipe", "tiny_family:render_all", shard=4)


@dataclass(frozen=True, kw_only=True)
class TinyRecipe:
    """Pictures of 8 pixels."""

    count: int = 10
    size: int = 8
    seed: int = 0
    family: ClassVar[str] = "tiny"

    def resolved(self) -> TinyRecipe:
        return self

    def to_json(self) -> dict[str, Any]:
        return {"family": self.family, "size": self.size, "seed": self.seed}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> TinyRecipe:
        return cls(count=count, size=values["size"], seed=values["seed"])


def render_all(recipe: TinyRecipe, indices: Iterable[int]) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """`render` for several."""
    return (render(recipe, index) for index in indices)


def render(recipe: TinyRecipe, index: int) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Noise; as slow as $TINY_SECONDS says, so that it can be interrupted."""
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
    random = np.random.default_rng([recipe.seed, index])
    return random.integers(0, 256, (recipe.size, recipe.size, 3), np.uint8), index, {"index": index}
