"""The outlier-exposure protocol (Hendrycks et al., 2019): how many outliers of a set count, which, and their mean."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from .._common import philox
from ._anomalies import DETECTION


def outlier_count(known: int, available: int | None = None, *, batch_size: int | None = None) -> int:
    """How many out-of-distribution images are measured beside `known` in-distribution ones: a fifth.

    Args:
        known: images of the in-distribution test set, all of which count.
        available: images of the out-of-distribution set; a smaller one counts whole. None: as many as asked for.
        batch_size: None takes the fifth exactly. A number is the original code's form, which only counts whole batches:
            of 10,000 at 128 a batch 9,984. At its 200 of CIFAR both are the same.

    Raises:
        InputError: too few images for one outlier, or for one whole batch.
    """
    fifth = known // 5
    if fifth < 1:
        raise InputError(f"anomalies: a fifth of the test set is measured as outliers; {known} images are too few")
    if batch_size is not None:
        if not 1 <= batch_size <= fifth:
            raise InputError(f"anomalies: batches of {batch_size} do not go into {fifth} outliers, a fifth of the set")
        fifth = fifth // batch_size * batch_size
    return fifth if available is None else min(fifth, available)


def outlier_indices(
    known: int, available: int, *, seed: int, repetition: int = 0, batch_size: int | None = None
) -> np.ndarray:
    """Which images of an out-of-distribution set are measured: (count,) int64, drawn without replacement, ascending.

    Args:
        known, available, batch_size: as in `outlier_count`.
        seed: of the draw.
        repetition: another draw of the same seed; the original code takes the mean of ten.
    """
    if available < 1:
        raise InputError("anomalies: the out-of-distribution set has no image")
    count = outlier_count(known, available, batch_size=batch_size)
    uniforms = philox.uniforms(seed, repetition, np.arange(available), philox.OUTLIER_CHOICE, 1)[:, 0]
    return np.sort(np.argsort(uniforms, kind="stable")[:count])


def detection(known: ArrayLike, sets: Mapping[str, ArrayLike]) -> dict[str, dict[str, float]]:
    """AUROC, AUPR and FPR95 of each out-of-distribution set, and under "mean" their unweighted means.

    Args:
        known: (N,) anomaly scores of the in-distribution test set.
        sets: name → (M,) scores of the images that count.

    Raises:
        InputError: no set, one called "mean", or scores that are none.
    """
    if not sets or "mean" in sets:
        raise InputError(f"anomalies: at least one set is needed, none called mean; got {', '.join(sets) or 'none'}")
    found = {
        name: {measure: function(known, scores) for measure, function in DETECTION.items()}
        for name, scores in sets.items()
    }
    return {
        **found,
        "mean": {measure: float(np.mean([each[measure] for each in found.values()])) for measure in DETECTION},
    }
