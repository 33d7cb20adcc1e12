"""Scores of directions in feature space: towards class means, class weights, neighbours and boundaries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.errors import InputError

from ..measures._inputs import check_labels, check_logits
from ._distances import add_by_class
from ._outputs import Head, blocks, by_block, check_classes, check_features, check_head, check_pair, check_width, unit
from ._ranges import check_neighbours, number


def she_means(features: ArrayLike, logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """The mean feature of the training images of each class that are answered right, (classes, D) float64, for `she`.

    Args:
        features: (N, D) of training images.
        logits: (N, classes), theirs.
        labels: (N,), theirs.

    Raises:
        InputError: invalid arrays, or a class of which no image is answered right.

    Example:
        >>> from pixmix import scores
        >>> scores.she_means([[1.0], [3.0]], [[1.0, 0.0], [0.0, 1.0]], [0, 1])
        array([[1.],
               [3.]])
    """
    checked = check_logits(logits)
    checked, array = check_pair(checked, features, checked.shape[1])
    given = check_labels(labels, checked)
    right = checked.argmax(axis=1) == given
    given = check_classes(array[right], given[right], checked.shape[1])
    means, kept = np.zeros((checked.shape[1], array.shape[1])), array[right]
    for start, block in blocks(kept):
        add_by_class(means, block, given[start : start + len(block)])
    return means / np.bincount(given)[:, None]


def she(logits: ArrayLike, features: ArrayLike, means: np.ndarray) -> np.ndarray:
    """Anomaly score: the negative inner product with the mean feature of the answer's class (Zhang et al., 2023).

    Args:
        logits: (N, classes) finite numbers.
        features: (N, D), of the same images.
        means: (classes, D), from `she_means` of the training images.

    Returns:
        (N,) float64.

    Raises:
        InputError: arrays that are not finite or do not fit together.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.she([[0.0, 1.0]], [[2.0]], np.array([[1.0], [3.0]]))
        array([-6.])
    """
    checked, array = check_pair(logits, features, len(means))
    check_width(array, means.shape[1], "the means")
    answers = checked.argmax(axis=1)
    return -_by_start(array, lambda block, rows: np.einsum("nd,nd->n", block, means[answers[rows]]))


def nnguide_bank(
    features: ArrayLike, logits: ArrayLike, *, share: float = 0.01, at_least: int = 1, seed: int = 0
) -> np.ndarray:
    """Training features of length 1, each times minus its energy, for `nnguide`.

    OpenOOD takes the first batches of the training images, which depends on batch size and order; here a share is drawn
    by `seed`.

    Args:
        features: (N, D) of training images.
        logits: (N, classes), theirs.
        share: of the training images, above 0 and at most 1.
        at_least: how many images are drawn even if the share is smaller.
        seed: of the draw.

    Returns:
        (M, D) float64.

    Raises:
        InputError: invalid arrays, or a share out of range.

    Example:
        >>> from pixmix import scores
        >>> scores.nnguide_bank([[2.0]], [[3.0]], share=1.0)
        array([[3.]])
    """
    checked = check_logits(logits)
    checked, array = check_pair(checked, features, checked.shape[1])
    part = number("share", share)
    count = min(max(round(part * len(array)), at_least), len(array))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(array))[:count])
    energies = logsumexp(checked[drawn].astype(np.float64), axis=1)
    return unit(array[drawn].astype(np.float64)) * energies[:, None]


def nnguide(logits: ArrayLike, features: ArrayLike, bank: np.ndarray, *, k: int = 100) -> np.ndarray:
    """Anomaly score: the energy, guided by the nearest training features (Park et al., 2023).

    Minus the mean of the k largest inner products with the bank, times minus the energy.

    Args:
        logits: (N, classes) finite numbers.
        features: (N, D), of the same images.
        bank: (M, D), from `nnguide_bank`.
        k: how many neighbours, from 1 to M.

    Returns:
        (N,) float64.

    Raises:
        InputError: arrays that are not finite or do not fit together, or fewer than k in the bank.

    Example:
        >>> from pixmix import scores
        >>> scores.nnguide([[2.0]], [[5.0]], scores.nnguide_bank([[2.0]], [[3.0]], share=1.0), k=1)
        array([-6.])
    """
    checked = check_logits(logits)
    checked, array = check_pair(checked, features, checked.shape[1])
    check_width(array, bank.shape[1], "the bank")
    check_neighbours(k, len(bank), "in the bank")

    def guidance(block: np.ndarray) -> np.ndarray:
        products = unit(block) @ bank.T
        return np.partition(products, len(bank) - k, axis=1)[:, len(bank) - k :].mean(axis=1)

    return -by_block(guidance, array, len(bank)) * logsumexp(checked.astype(np.float64), axis=1)


def fdbd(logits: ArrayLike, features: ArrayLike, head: Head, *, centre: np.ndarray | None = None) -> np.ndarray:
    """Anomaly score: minus the summed distances to the decision boundaries, relative to a length (Liu & Qin, 2024).

    Args:
        logits: (N, classes) finite numbers.
        features: (N, D), of the same images.
        head: the last layer.
        centre: the mean training feature (D,): distances are relative to that from it; None: to the feature's length.

    Returns:
        (N,) float64, at most 0.

    Raises:
        InputError: arrays that are not finite or do not fit together.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.fdbd([[2.0, 0.0]], [[2.0]], scores.Head(np.array([[1.0], [0.0]]), np.zeros(2)))
        array([-1.])
    """
    checked, array = check_pair(logits, features, len(head.weight))
    weight, _ = check_head(head, array)
    origin = np.zeros(weight.shape[1]) if centre is None else _centre(centre, array)
    squares = (weight**2).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] + squares - 2 * weight @ weight.T, 0))
    # Two classes of one weight, the class itself among them, have no boundary between them.
    gaps[gaps < 1e-7 * np.sqrt(squares.max())] = np.inf

    def of_block(block: np.ndarray, rows: slice) -> np.ndarray:
        given = checked[rows].astype(np.float64)
        answers = given.argmax(axis=1)
        distances = ((given.max(axis=1, keepdims=True) - given) / gaps[answers]).sum(axis=1)
        return -distances / _positive(np.linalg.norm(block - origin, axis=1))

    return _by_start(array, of_block, len(weight))


def nci(logits: ArrayLike, features: ArrayLike, head: Head, *, centre: np.ndarray, alpha: float = 0.001) -> np.ndarray:
    """Anomaly score: how far the feature is from its class weight, by neural collapse (Liu & Qin, 2025).

    Minus the projection of the answer's weight on the direction from the mean training feature, minus α times the sum
    of absolute features.

    Args:
        logits: (N, classes) finite numbers.
        features: (N, D), of the same images.
        head: the last layer.
        centre: the mean training feature (D,).
        alpha: the weight α of the features' length.

    Returns:
        (N,) float64.

    Raises:
        InputError: arrays that are not finite or do not fit together.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.nci([[1.0]], [[2.0]], scores.Head(np.ones((1, 1)), np.zeros(1)), centre=np.zeros(1), alpha=0.5)
        array([-2.])
    """
    checked, array = check_pair(logits, features, len(head.weight))
    weight, _ = check_head(head, array)
    origin, factor = _centre(centre, array), number("alpha", alpha)
    answers = checked.argmax(axis=1)

    def of_block(block: np.ndarray, rows: slice) -> np.ndarray:
        aligned = np.einsum("nd,nd->n", weight[answers[rows]], unit(block - origin))
        return -aligned - factor * np.abs(block).sum(axis=1)

    return _by_start(array, of_block)


def mean_feature(features: ArrayLike) -> np.ndarray:
    """The mean of training features, (D,) float64: the centre of `fdbd` and `nci`.

    Example:
        >>> from pixmix import scores
        >>> scores.mean_feature([[1.0, 0.0], [3.0, 0.0]])
        array([2., 0.])
    """
    array = check_features(features, "training features")
    return np.sum([block.sum(axis=0) for _, block in blocks(array)], axis=0) / len(array)


def _by_start(array: np.ndarray, function: Callable[[np.ndarray, slice], np.ndarray], width: int = 0) -> np.ndarray:
    """A function of a block of rows and of their slice, applied block by block: (N,) float64."""
    return np.concatenate([function(block, slice(start, start + len(block))) for start, block in blocks(array, width)])


def _centre(centre: np.ndarray, features: np.ndarray) -> np.ndarray:
    array = np.asarray(centre, np.float64)
    if array.shape != features.shape[1:] or not np.isfinite(array).all():
        raise InputError(f"centre must be {features.shape[1]} finite numbers, like a feature, got {array.shape}")
    return array


def _positive(lengths: np.ndarray) -> np.ndarray:
    return np.maximum(lengths, np.finfo(np.float64).tiny)
