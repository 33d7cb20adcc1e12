"""The calibration errors of the paper's code as a plain loop."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def plain_calib_err(
    confidence: Sequence[float] | np.ndarray,
    right: Sequence[bool] | np.ndarray,
    p: str,
    *,
    last_bin: bool,
    beta: int = 100,
) -> float:
    """The paper's loop over bins of `beta`, for each of its norms."""
    order = sorted(range(len(confidence)), key=lambda index: confidence[index])
    bins = [[number * beta, (number + 1) * beta] for number in range(max(len(confidence) // beta, 1))]
    bins[-1][1] = len(confidence)
    total = 0.0
    for begin, end in bins if last_bin else bins[:-1]:
        members = order[begin:end]
        gap = abs(sum(confidence[m] for m in members) / len(members) - sum(right[m] for m in members) / len(members))
        share = len(members) / len(confidence)
        total = {"2": total + share * gap**2, "1": total + share * gap, "infty": max(total, gap)}[p]
    return math.sqrt(total) if p == "2" else total


def plain_ece(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Bins (i/15, (i+1)/15], one after the other."""
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        members = [m for m, c in enumerate(confidence) if low < c <= high or (number == 0 and c == 0)]
        if members:
            gap = sum(confidence[m] for m in members) / len(members) - sum(right[m] for m in members) / len(members)
            total += len(members) / len(confidence) * abs(gap)
    return total
