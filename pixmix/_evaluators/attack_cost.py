"""What AutoAttack will cost, said before it begins."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from mixset._common.console import displayable
from mixset._common.errors import counted
from mixset._common.progress import duration

from .._common.attack import Norm
from .._common.autoattack import Version
from .._common.distributed import rank_and_world
from .autoattack_library import ATTACKS, TARGETS
from .evaluation import Evaluation
from .forwarding import to_device
from .ladder import Ladder

BACKWARD = 2
"""A backward pass, in forward passes."""
ITERATIONS, QUERIES, RESTARTS, DRAWS = 100, 5000, 5, 20
"""Of all attacks but Square; of Square; of version plus; of each gradient in version rand."""


def passes(attack: str, version: Version, classes: int) -> int:
    """The work of an attack on an image that it does not break, in forward passes."""
    apgd = (ITERATIONS + 1) * (1 + BACKWARD)
    targets = min(TARGETS, classes - 1)
    several = RESTARTS if version == "plus" else DRAWS if version == "rand" else 1
    return {
        "apgd-ce": several * apgd,
        "apgd-dlr": several * apgd,
        "apgd-t": targets * apgd,
        "fab-t": targets * ITERATIONS * (2 + BACKWARD),
        "fab": several * ITERATIONS * (2 + BACKWARD * classes),
        "square": QUERIES + 1,
    }[attack]


def say_cost(evaluation: Evaluation, ladder: Ladder, norm: Norm, version: Version, classes: int) -> None:
    """Print, before any attack, how long the ladder takes at most, and how long where every image breaks at once."""
    rungs = [rung for rung, _ in ladder.open()]
    if evaluation.quiet or rank_and_world()[0] > 0 or not rungs:
        return
    standing = int(ladder.standing(rungs[0]).sum())
    whole = sum(passes(attack, version, classes) for attack in ATTACKS[version])
    each = passes(ATTACKS[version][0], version, classes)
    pass_seconds = _seconds(evaluation) / rank_and_world()[1]
    radii = ladder.radii[rungs[0] :]
    most = duration(len(radii) * standing * whole * pass_seconds)
    least = duration(standing * each * pass_seconds)
    line = (
        f"AutoAttack in {norm} at {', '.join(radii)}: {counted(standing, 'image')} to attack; about {most} here if "
        f"none breaks ({whole:,} forward passes each and radius), {least} if the first attack breaks them all "
        f"({each:,})"
    )
    print(displayable(line, sys.stderr), file=sys.stderr, flush=True)


def _seconds(evaluation: Evaluation) -> float:
    """Of a forward pass of one image, in a batch of the evaluation's; the first is not counted."""
    batch = evaluation.images.take(np.arange(min(evaluation.batch_size, len(evaluation.images))))
    images = to_device(batch.images, evaluation.device)
    for _ in range(2):
        start = time.perf_counter()
        evaluation.network(images)
        if evaluation.device.type == "cuda":
            torch.cuda.synchronize(evaluation.device)
        spent = time.perf_counter() - start
    return spent / len(images)
