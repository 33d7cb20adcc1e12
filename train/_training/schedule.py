"""The learning rate of each step."""

from __future__ import annotations

import math

from .._runs.config import TrainConfig

FLOOR = 1e-6
"""What the cosine ends at (the paper's code)."""
START = 0.01
"""What share of the rate a warm-up begins with (torchvision's recipes)."""


def learning_rate(step: int, steps_per_epoch: int, config: TrainConfig) -> float:
    """A line from a hundredth of `config.lr` up to it in the epochs of the warm-up, then a cosine down to 1e-6.

    Without a warm-up it is the schedule of the paper's code; with one, that of torch's `LinearLR` followed by
    `CosineAnnealingLR`, stepped after each training step.

    Args:
        step: since the run's first, from 0 on.
    """
    rising = round(config.warmup * steps_per_epoch)
    if step < rising:
        return config.lr * (START + (1 - START) * step / rising)
    floor = FLOOR / config.lr
    turn = math.pi * (step - rising) / (config.epochs * steps_per_epoch - rising)
    return config.lr * (floor + (1 - floor) * 0.5 * (1 + math.cos(turn)))
