"""Scores of distances in feature space to training images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._outputs import blocks, by_block, check_classes, check_features, check_width, unit
from ._ranges import check_neighbours

_QUERIES, _BANK = 1024, 8192
"""Images and training images of one matrix product, which takes 67 MB."""


def knn(features: ArrayLike, training: ArrayLike, *, k: int = 50) -> np.ndarray:
    """Anomaly score: the squared distance to the k-th nearest training image (Sun et al., 2022).

    All features are scaled to length 1 first. Distances are matrix products of blocks, so the memory is bounded: some
    200 MB, and k values for each image.

    Args:
        features: (N, D) finite numbers.
        training: (M, D), those of the training images.
        k: which neighbour, from 1 to M.

    Returns:
        (N,) float64 in [0, 4].

    Raises:
        InputError: features that are not finite or of different widths, or fewer than k training images.

    Example:
        >>> from pixmix import scores
        >>> scores.knn([[2.0, 0.0]], [[1.0, 0.0], [0.0, 3.0]], k=2)
        array([2.])
    """
    array, bank = check_features(features), check_features(training, "training features")
    check_width(array, bank.shape[1], "the training features")
    check_neighbours(k, len(bank))
    nearest = np.full((len(array), k), np.inf)
    for first in range(0, len(bank), _BANK):
        stored = unit(bank[first : first + _BANK].astype(np.float64))
        stored_squares = (stored**2).sum(axis=1)
        for start in range(0, len(array), _QUERIES):
            rows = slice(start, start + _QUERIES)
            _keep_nearest(nearest[rows], unit(array[rows].astype(np.float64)), stored, stored_squares)
    return np.maximum(nearest.max(axis=1), 0.0)


def _keep_nearest(nearest: np.ndarray, queries: np.ndarray, stored: np.ndarray, stored_squares: np.ndarray) -> None:
    """Update the k least squared distances of each query, unsorted, by some more stored rows."""
    squares = queries @ (-2 * stored.T)
    squares += stored_squares
    squares += (queries**2).sum(axis=1)[:, None]
    k = nearest.shape[1]
    if squares.shape[1] > k:
        squares.partition(k - 1, axis=1)
        squares = squares[:, :k]
    joined = np.concatenate([nearest, squares], axis=1)
    joined.partition(k - 1, axis=1)
    nearest[:] = joined[:, :k]


class ClassStatistics(NamedTuple):
    """Means and covariances of training features, about their common mean."""

    mean: np.ndarray
    """The mean of all, (D,) float64."""
    means: np.ndarray
    """That of each class minus `mean`, (classes, D) float64."""
    within: np.ndarray
    """A whitening of the covariance about the classes' means, W Wᵀ its pseudo-inverse, (D, rank) float64."""
    total: np.ndarray
    """A whitening of the covariance about the mean of all, (D, rank) float64."""


def class_statistics(features: ArrayLike, labels: ArrayLike, *, classes: int) -> ClassStatistics:
    """What Mahalanobis distances need of the training features, accumulated in float64.

    Args:
        features: (N, D) of training images.
        labels: (N,) their class numbers.
        classes: how many classes there are.

    Raises:
        InputError: features that are not finite, labels that do not match, or a class without images.

    Example:
        >>> from pixmix import scores
        >>> scores.class_statistics([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1], classes=2).means
        array([[-2.],
               [ 2.]])
    """
    array = check_features(features, "training features")
    checked = check_classes(array, labels, classes)
    width, counts = array.shape[1], np.bincount(checked, minlength=classes)
    means = np.zeros((classes, width))
    for start, block in blocks(array):
        add_by_class(means, block, checked[start : start + len(block)])
    mean = means.sum(axis=0) / len(array)
    means = means / counts[:, None] - mean
    within = np.zeros((width, width))
    for start, block in blocks(array):
        block -= mean
        block -= means[checked[start : start + len(block)]]
        within += block.T @ block
    within /= len(array)
    between = (means * (counts / len(array))[:, None]).T @ means
    return ClassStatistics(mean, means, _whitening(within), _whitening(within + between))


def add_by_class(sums: np.ndarray, block: np.ndarray, labels: np.ndarray) -> None:
    """Add each row to the row of `sums` of its class; of sorted rows this is much faster than `np.add.at`."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums[present] += np.add.reduceat(block[order], starts, axis=0)


def _whitening(covariance: np.ndarray) -> np.ndarray:
    """W (D, rank) with W Wᵀ the pseudo-inverse of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    if not kept.any():
        raise InputError("training features are all equal; no distance can be told")
    return vectors[:, kept] / np.sqrt(values[kept])


def mds(features: ArrayLike, statistics: ClassStatistics) -> np.ndarray:
    """Anomaly score: the squared Mahalanobis distance to the nearest class mean (Lee et al., 2018).

    Args:
        features: (N, D) finite numbers.
        statistics: from `class_statistics` of the training images.

    Returns:
        (N,) float64, at least 0.

    Raises:
        InputError: features that are not finite or of another width.

    Example:
        >>> from pixmix import scores
        >>> known = scores.class_statistics([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1], classes=2)
        >>> scores.mds([[3.0]], known)
        array([4.])
    """
    array = _check(features, statistics)
    centres = statistics.means @ statistics.within
    return by_block(lambda block: _to_nearest(block - statistics.mean, statistics, centres), array, len(centres))


def rmds(features: ArrayLike, statistics: ClassStatistics) -> np.ndarray:
    """Anomaly score: `mds` minus the squared Mahalanobis distance to the mean of all (Ren et al., 2021).

    Arguments and errors are those of `mds`; the result may be negative.

    Example:
        >>> from pixmix import scores
        >>> known = scores.class_statistics([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1], classes=2)
        >>> scores.rmds([[3.0]], known)
        array([4.])
    """
    array = _check(features, statistics)
    centres = statistics.means @ statistics.within

    def of_block(block: np.ndarray) -> np.ndarray:
        block -= statistics.mean
        return _to_nearest(block, statistics, centres) - ((block @ statistics.total) ** 2).sum(axis=1)

    return by_block(of_block, array, len(centres))


def _to_nearest(centred: np.ndarray, statistics: ClassStatistics, centres: np.ndarray) -> np.ndarray:
    white = centred @ statistics.within
    offsets = (centres**2).sum(axis=1) - 2 * white @ centres.T
    return np.maximum((white**2).sum(axis=1) + offsets.min(axis=1), 0.0)


def _check(features: ArrayLike, statistics: ClassStatistics) -> np.ndarray:
    array = check_features(features)
    check_width(array, len(statistics.mean), "the statistics")
    return array
