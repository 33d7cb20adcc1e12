"""The outlier-exposure protocol (Hendrycks et al., 2019): which outliers are measured, and the mean over sets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from .._common import philox
from ._anomalies import DETECTION


def outlier_count(known: int, available: int | None = None, *, batch_size: int | None = None) -> int:
    """The number of out-of-distribution images to measure: a fifth of the in-distribution images.

    Args:
        known: the number of in-distribution test images, all of which are measured.
        available: the number of out-of-distribution images, if it may be less than a fifth.
        batch_size: None takes exactly a fifth. A number follows the original code, which drops incomplete batches: of
            10,000 outliers in batches of 128 it measures 9,984. With its batches of 200 for CIFAR nothing differs.

    Raises:
        InputError: there are too few images for one outlier or one whole batch.

    Example:
        >>> from pixmix import measures
        >>> measures.outlier_count(10_000)
        2000
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
    """The indices of the out-of-distribution images to measure, drawn without replacement.

    Args:
        known: the number of in-distribution test images.
        available: the number of out-of-distribution images.
        seed: the seed of the draw.
        repetition: the number of the draw; the original code averages ten.
        batch_size: as for `outlier_count`.

    Returns:
        (count,) int64, ascending.

    Raises:
        InputError: there are no or too few images.

    Example:
        >>> from pixmix import measures
        >>> measures.outlier_indices(10, 100, seed=0)
        array([16, 71])
    """
    if available < 1:
        raise InputError("anomalies: the out-of-distribution set has no image")
    count = outlier_count(known, available, batch_size=batch_size)
    uniforms = philox.uniforms(seed, repetition, np.arange(available), philox.OUTLIER_CHOICE, 1)[:, 0]
    return np.sort(np.argsort(uniforms, kind="stable")[:count])


def detection(known: ArrayLike, sets: Mapping[str, ArrayLike]) -> dict[str, dict[str, float]]:
    """AUROC, AUPR and FPR95 of each out-of-distribution set, and their unweighted means.

    Args:
        known: (N,) anomaly scores of the in-distribution test images.
        sets: name → (M,) anomaly scores of the measured images.

    Returns:
        Set, or "mean" → measure of `DETECTION` → value, a fraction.

    Raises:
        InputError: there is no set, a set is named "mean", or scores are missing or not finite.

    Example:
        >>> from pixmix import measures
        >>> measures.detection([-0.9, -0.8, -0.7, -0.6], {"noise": [-0.75, -0.5]})["mean"]["auroc"]
        0.75
    """
    if not sets or "mean" in sets:
        raise InputError(f"anomalies: at least one set is needed, none named mean; got {', '.join(sets) or 'none'}")
    values = {
        name: {measure: function(known, scores) for measure, function in DETECTION.items()}
        for name, scores in sets.items()
    }
    means = {measure: float(np.mean([row[measure] for row in values.values()])) for measure in DETECTION}
    return {**values, "mean": means}
