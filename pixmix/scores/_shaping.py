"""Scores that change activations before the last layer and take the energy of its logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.arguments import check_number

from ._outputs import Head, by_block, check_activations, check_head
from ._ranges import kept_features, number


def react_threshold(features: ArrayLike, *, percentile: float = 90) -> float:
    """The percentile of all activations of the validation images together, at which `react` cuts.

    Args:
        features: (N, D) of validation images, at least 0.
        percentile: from 0 to 100; between two values it is linear.

    Raises:
        InputError: features that are not finite or negative, or a percentile out of range.

    Example:
        >>> from pixmix import scores
        >>> scores.react_threshold([[0.0, 1.0], [2.0, 4.0]], percentile=50)
        1.5
    """
    share = number("percentile", percentile)
    return float(np.percentile(check_activations(features, "validation features").astype(np.float64), share))


def react(features: ArrayLike, head: Head, *, threshold: float) -> np.ndarray:
    """Anomaly score: the energy after activations above a threshold are set to it (Sun et al., 2021).

    Args:
        features: (N, D) activations after a ReLU, at least 0.
        head: the last layer.
        threshold: from `react_threshold` of validation images.

    Returns:
        (N,) float64.

    Raises:
        InputError: features that are not finite, negative or of another width than the head takes.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.react([[5.0]], scores.Head(np.ones((1, 1)), np.zeros(1)), threshold=2.0)
        array([-2.])
    """
    most = check_number("threshold", threshold, low=0, high=float("inf"))
    return _energies(features, head, lambda block: np.minimum(block, most))


def ash_b(features: ArrayLike, head: Head, *, percentile: float = 90) -> np.ndarray:
    """Anomaly score: the energy after all but the largest activations are dropped, the others made equal (ASH-B).

    OpenOOD's "ash": the k = D − round(D · percentile / 100) largest become (sum of all) / k (Djurisic et al., 2023).

    Args:
        features: (N, D) activations after a ReLU, at least 0.
        head: the last layer.
        percentile: the share that is dropped, in per cent.

    Returns:
        (N,) float64.

    Raises:
        InputError: features that are not finite, negative or of another width, or none is kept.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.ash_b([[3.0, 1.0]], scores.Head(np.ones((1, 2)), np.zeros(1)), percentile=50)
        array([-4.])
    """

    def shape(block: np.ndarray) -> np.ndarray:
        largest = _largest(block, percentile)
        shaped = np.zeros_like(block)
        np.put_along_axis(shaped, largest, block.sum(axis=1, keepdims=True) / largest.shape[1], axis=1)
        return shaped

    return _energies(features, head, shape)


def ash_s(features: ArrayLike, head: Head, *, percentile: float = 90) -> np.ndarray:
    """Anomaly score: the energy after all but the largest activations are dropped, the others scaled up (ASH-S).

    The factor is exp(sum of all / sum of the kept) (Djurisic et al., 2023); arguments and errors as for `ash_b`.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.ash_s([[1.0, 0.0]], scores.Head(np.ones((1, 2)), np.zeros(1)), percentile=50).round(3)
        array([-2.718])
    """

    def shape(block: np.ndarray) -> np.ndarray:
        largest = _largest(block, percentile)
        shaped = np.zeros_like(block)
        np.put_along_axis(shaped, largest, np.take_along_axis(block, largest, axis=1), axis=1)
        return shaped * _factor(block, largest)

    return _energies(features, head, shape)


def scale(features: ArrayLike, head: Head, *, percentile: float = 85) -> np.ndarray:
    """Anomaly score: the energy after all activations are scaled up by ASH-S's factor (Xu et al., 2024).

    Arguments and errors are those of `ash_b`.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.scale([[1.0, 0.0]], scores.Head(np.ones((1, 2)), np.zeros(1)), percentile=50).round(3)
        array([-2.718])
    """
    return _energies(features, head, lambda block: block * _factor(block, _largest(block, percentile)))


def _largest(block: np.ndarray, percentile: float) -> np.ndarray:
    """The indices of the largest activations of each row, (N, k)."""
    width = block.shape[1]
    kept = kept_features(percentile, width)
    return np.argpartition(block, width - kept, axis=1)[:, width - kept :]


def _factor(block: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """exp(sum of all / sum of the largest), (N, 1); where all are 0 any factor would do."""
    kept = np.take_along_axis(block, largest, axis=1).sum(axis=1, keepdims=True)
    total = block.sum(axis=1, keepdims=True)
    return np.exp(np.divide(total, kept, out=np.ones_like(kept), where=kept > 0))


def _energies(features: ArrayLike, head: Head, shape: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    array = check_activations(features)
    weight, bias = check_head(head, array)
    return by_block(lambda block: -logsumexp(shape(block) @ weight.T + bias, axis=1), array, len(weight))
