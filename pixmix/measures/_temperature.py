"""Temperature scaling: the one number that calibrates logits best, fitted on held-out images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._inputs import Undefined, check_labels, check_logits

_LOWEST, _HIGHEST = np.exp(-10.0), np.exp(10.0)
_VALUES = 1 << 18
"""Values of a block: 2 MB, which the caches hold."""


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The temperature T for which logits / T have the least negative log-likelihood (Guo et al., 2017).

    Fit it on images that are neither trained nor measured on. The likelihood is convex in 1 / T, and Newton's method
    finds its optimum to 12 digits; the first-order optimisers of several libraries stop far from it.

    Args:
        logits: (N, classes) finite numbers, at least two classes.
        labels: (N,) class numbers.

    Raises:
        InputError: invalid logits or labels.
        Undefined: no temperature within e^±10 is best, for instance because all answers are right.

    Example:
        >>> from pixmix import measures
        >>> round(measures.fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1]), 6)  # the odds are 3 to 1
        1.820478
    """
    checked = check_logits(logits)
    given = check_labels(labels, checked)
    if checked.shape[1] < 2:
        raise InputError("temperature: logits of at least two classes are needed")
    low, high = _LOWEST, _HIGHEST
    if _derivatives(checked, given, high)[0] <= 0:
        raise Undefined("the likelihood grows with ever lower temperatures, as where all answers are right")
    if _derivatives(checked, given, low)[0] >= 0:
        raise Undefined("the likelihood grows with ever higher temperatures, as where answers are worse than chance")
    inverse = 1.0
    for _ in range(100):
        slope, curvature = _derivatives(checked, given, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        newton = inverse - slope / curvature if curvature > 0 else 0.0
        # Outside of what is known the bracket is halved in its logarithm.
        step = newton if low < newton < high else float(np.sqrt(low * high))
        if abs(step - inverse) <= 1e-13 * inverse:
            break
        inverse = step
    return float(1 / step)


def _derivatives(logits: np.ndarray, labels: np.ndarray, inverse: float) -> tuple[float, float]:
    """The first two derivatives of the mean negative log-likelihood by 1 / T: gap of means, and mean variance."""
    slope = curvature = 0.0
    for block, given in _blocks(logits, labels):
        of_label = block[np.arange(len(block)), given]
        weights = np.exp(inverse * block)
        totals = weights.sum(axis=1)
        weights *= block
        means = weights.sum(axis=1) / totals
        weights *= block
        slope += float((means - of_label).sum())
        curvature += float((weights.sum(axis=1) / totals - means**2).sum())
    return slope / len(logits), curvature / len(logits)


def _blocks(logits: np.ndarray, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of rows in float64, of which the largest value is 0, with their labels."""
    rows = max(_VALUES // logits.shape[1], 1)
    for start in range(0, len(logits), rows):
        block = logits[start : start + rows].astype(np.float64)
        block -= block.max(axis=1, keepdims=True)
        yield block, labels[start : start + rows]
