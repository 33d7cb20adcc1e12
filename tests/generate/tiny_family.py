"""A family of images that costs nothing, to try the job with."""

from __future__ import annotations

import os
import sys
import time
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixset import InputError
from mixset.generate._job.families import Family

TINY = Family("noise of 8 pixels", "tiny_family:TinyRecipe", "tiny_family:render_all", shard=4)
PLACED = Family("noise on a device", "tiny_family:PlacedRecipe", "tiny_family:render_placed", on_device=True, shard=4)

if "TINY_GPUS" in os.environ and "torch" not in sys.modules:
    # In workers, which import this to draw: as much of torch as devices need, for it takes seconds to import.
    pretended = types.ModuleType("torch")
    pretended.cuda = types.SimpleNamespace(device_count=lambda: int(os.environ["TINY_GPUS"]))  # type: ignore[attr-defined]
    pretended.get_num_threads, pretended.set_num_threads = lambda: 1, lambda number: None  # type: ignore[attr-defined]
    sys.modules["torch"] = pretended


@dataclass(frozen=True, kw_only=True)
class TinyRecipe:
    """Images of 8 pixels."""

    count: int = 10
    size: int = 8
    seed: int = 0
    family: ClassVar[str] = "tiny"

    @property
    def shape(self) -> tuple[int, int]:
        return self.size, self.size

    def resolved(self) -> TinyRecipe:
        return self

    def foreign(self) -> None:
        return None

    def trusted(self) -> TinyRecipe:
        return self

    def to_json(self) -> dict[str, Any]:
        return {"family": self.family, "size": self.size, "seed": self.seed}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], *, count: int) -> TinyRecipe:
        return cls(count=count, size=values["size"], seed=values["seed"])


@dataclass(frozen=True, kw_only=True)
class PlacedRecipe(TinyRecipe):
    """The same images, drawn on a device."""

    family: ClassVar[str] = "placed"


def render_placed(
    recipe: PlacedRecipe, indices: range, device: str
) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """`render_all` that notes its process, device and torch threads in $TINY_LOG, and waits for $TINY_TOGETHER."""
    import torch

    with open(os.environ["TINY_LOG"], "a+") as log:
        log.write(f"{os.getpid()} {device} {torch.get_num_threads()}\n")
        log.flush()
        end = time.monotonic() + 60
        together = int(os.environ.get("TINY_TOGETHER", "1"))
        while log.seek(0) == 0 and len({line.split()[0] for line in log}) < together and time.monotonic() < end:
            time.sleep(0.02)
    return render_all(recipe, indices)


def render_all(recipe: TinyRecipe, indices: Iterable[int]) -> Iterator[tuple[np.ndarray, int, dict[str, Any]]]:
    """`render` for several."""
    return (render(recipe, index) for index in indices)


def render(recipe: TinyRecipe, index: int) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Noise; as slow as $TINY_SECONDS says, so that it can be interrupted; image $TINY_BAD is refused."""
    time.sleep(float(os.environ.get("TINY_SECONDS", "0")))
    if os.environ.get("TINY_BAD") == str(index):
        raise InputError(f"image {index} cannot be made; ask for another")
    random = np.random.default_rng([recipe.seed, index])
    return random.integers(0, 256, (recipe.size, recipe.size, 3), np.uint8), index, {"index": index}
