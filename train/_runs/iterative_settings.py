"""What a user chooses about the method iterative."""

from __future__ import annotations

from dataclasses import dataclass

from mixset._common.errors import InputError
from mixset._common.ranges import BATCH, COUNT, RATE, SMALLEST, Range, check_ranges


@dataclass(frozen=True, kw_only=True)
class IterativeSettings:
    """The method iterative: which feature visualisations are mixed in, and when they are made.

    The paper makes them "at each iteration" and says no more; that is `--iterative.every 1`.
    """

    size: int = 512
    """Images in the pool; the oldest make way for new ones. Before the first, inputs are mixed alone."""
    every: int = 50
    """Steps from one refresh of the pool to the next."""
    batch: int = 64
    """Images made at a refresh, each of a random channel of a random convolution; each process makes as many of its
    own."""
    steps: int = 32
    """Steps of the optimiser for each image."""
    lr: float = 0.15
    """Learning rate of the images."""
    budget: float | None = None
    """Largest share of the time for refreshes: after ten of them their times set `every` for the rest of the run, which
    then depends on the machine."""

    def __post_init__(self) -> None:
        check_ranges(self, ITERATIVE, "iterative.")
        if self.batch > self.size:
            raise InputError(
                f"iterative.batch {self.batch}: the pool holds `iterative.size` {self.size} images; give no more"
            )
        if self.budget == 1:
            raise InputError("iterative.budget 1: leaves no time for training; give less")


ITERATIVE: dict[str, Range] = {
    "size": BATCH,
    "every": COUNT,
    "batch": BATCH,
    "steps": BATCH,
    "lr": RATE,
    "budget": (SMALLEST, 1.0),
}
