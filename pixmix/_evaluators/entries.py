"""What results say of a measure: its value, or why so few images have none, and its interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import measures
from ..measures._intervals import Statistic

Entry = dict[str, Any]


def entry(measure: Callable[[], float], about: Entry) -> Entry:
    """`value` with what is said about it; where so few images have none, no `value`, and `undefined` says why."""
    try:
        return {"value": measure(), **about}
    except measures.Undefined as error:
        return {"undefined": str(error), **about}


def intervals(
    statistic: Statistic, *sizes: int, seed: int, within: tuple[float, float] = (0.0, math.inf)
) -> list[Entry]:
    """`{"interval": [low, high]}` of each of a statistic's measures, empty where so few images have none.

    Arguments are those of `measures.bootstrap`.
    """
    try:
        ends = np.atleast_2d(measures.bootstrap(statistic, *sizes, seed=seed, within=within).T)
    except measures.Undefined:
        return [{} for _ in np.atleast_1d(statistic(*(np.ones((1, size), np.int32) for size in sizes))[0])]
    return [{"interval": pair} for pair in ends.tolist()]
