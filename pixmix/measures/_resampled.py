"""Calibration errors and detection measures as compiled statistics of resampled images, for `bootstrap`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.kernels import kernel

from .._common import threads
from ._anomalies import DETECTION, labelled
from ._bins import Answers, check_bins
from ._intervals import Statistic, bootstrap, distinct


def rms_of(answered: Answers, *, last_bin: bool, images: int | None = None, bin_size: int = 100) -> Statistic:
    """The RMS calibration error as a statistic for `bootstrap`.

    Args:
        answered: the answers, those at several severities one after another.
        last_bin: whether the most confident bin counts; see `rms_calibration_error`.
        images: the number of distinct images, if each is answered at several severities.
        bin_size: images per bin.

    Raises:
        InputError: the number of answers is not a multiple of that of images.
        Undefined: there is a single bin, and it does not count.

    Example:
        >>> from pixmix import measures
        >>> given = measures.answers([[0.0, 0.0]] * 4, [0, 0, 1, 1])
        >>> measures.bootstrap(measures.rms_of(given, last_bin=True), 4, seed=0).shape
        (2,)
    """
    total = len(answered.right)
    count = distinct(total, images)
    if not last_bin:
        check_bins(total // bin_size, total)
    order = np.argsort(answered.confidence, kind="stable")
    image = (order % count).astype(np.int32)
    gap = answered.confidence[order] - answered.right[order]

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.empty(len(counts))
        threads.run(_rms, len(counts), (counts, image, gap, bin_size, last_bin, values), values=counts.size)
        return values

    return statistic


def average(statistics: Sequence[Statistic]) -> Statistic:
    """The mean of several statistics of the same images, such as the RMS over corruptions, which share images.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> both = measures.average([measures.mean_of([0.0, 1.0]), measures.mean_of([1.0, 1.0])])
        >>> both(np.array([[1, 1]]))
        array([0.75])
    """
    return lambda *counts: np.mean([statistic(*counts) for statistic in statistics], axis=0)


def detection_statistic(known: ArrayLike, sets: Mapping[str, ArrayLike]) -> Statistic:
    """The result of `detection` as a statistic for `bootstrap`, flattened to (r, (sets + 1) · measures)."""
    scores = {name: labelled(known, values)[1] for name, values in sets.items()}
    count = len(np.asarray(known))
    orders = [np.argsort(-values, kind="stable") for values in scores.values()]
    ends = [np.append(np.diff(values[order]) != 0, True) for values, order in zip(scores.values(), orders, strict=True)]

    def statistic(known_counts: np.ndarray, *set_counts: np.ndarray) -> np.ndarray:
        values = np.empty((len(known_counts), len(orders) + 1, len(DETECTION)))
        for number, drawn in enumerate(set_counts):
            counts = np.concatenate([known_counts, drawn], axis=1)
            arguments = (counts, orders[number], ends[number], count, values[:, number])
            threads.run(_detect, len(counts), arguments, values=counts.size)
        values[:, -1] = values[:, :-1].mean(axis=1)
        return values.reshape(len(values), -1)

    return statistic


def detection_intervals(
    known: ArrayLike, sets: Mapping[str, ArrayLike], *, seed: int, resamples: int = 1000
) -> dict[str, dict[str, list[float]]]:
    """95 % confidence intervals of the result of `detection`.

    In-distribution images and each set are resampled independently, the former once for all sets. A set of a single
    image has no interval, nor has the mean in this case.

    Args:
        known: (N,) anomaly scores of the in-distribution test images.
        sets: name → (M,) anomaly scores of the measured images.
        seed: the seed of the resamples.
        resamples: the number of resamples.

    Returns:
        Set, or "mean" → measure → [low, high].

    Example:
        >>> from pixmix import measures
        >>> intervals = measures.detection_intervals([-0.9, -0.8], {"noise": [-0.3, -0.2]}, seed=0)
        >>> intervals["noise"]["auroc"]
        [1.0, 1.0]
    """
    total, sets = len(sets), {name: values for name, values in sets.items() if len(np.asarray(values)) > 1}
    if len(np.asarray(known)) < 2 or not sets:
        return {}
    statistic = detection_statistic(known, sets)
    sizes = [len(np.asarray(values)) for values in (known, *sets.values())]
    ends = bootstrap(statistic, *sizes, seed=seed, resamples=resamples, within=(0.0, 1.0))
    intervals = ends.T.reshape(len(sets) + 1, len(DETECTION), 2).tolist()
    names = [*sets, "mean"] if len(sets) == total else [*sets]
    return {name: dict(zip(DETECTION, rows, strict=True)) for name, rows in zip(names, intervals, strict=False)}


@kernel
def _rms(
    first: int,
    last: int,
    counts: np.ndarray,
    image: np.ndarray,
    gap: np.ndarray,
    bin_size: int,
    last_bin: bool,
    values: np.ndarray,
) -> None:
    """Fill bins of `bin_size` in the order of confidence, with each image as often as it was drawn."""
    total = len(gap)
    bins = max(total // bin_size, 1)
    for row in range(first, last):
        squares, gaps, number = 0.0, 0.0, 0
        size = bin_size if bins > 1 else total
        space = size
        for index in range(total):
            remaining = counts[row, image[index]]
            while remaining > 0:
                added = min(remaining, space)
                gaps += added * gap[index]
                remaining -= added
                space -= added
                if space == 0:
                    if last_bin or number < bins - 1:
                        squares += gaps * gaps / size
                    number, gaps = number + 1, 0.0
                    size = bin_size if number < bins - 1 else total - (bins - 1) * bin_size
                    space = size
        values[row] = np.sqrt(squares / total)


@kernel
def _detect(
    first: int, last: int, counts: np.ndarray, order: np.ndarray, ends: np.ndarray, known: int, values: np.ndarray
) -> None:
    """Compute all of `DETECTION` in one pass over descending scores; `ends` marks the last image of equal scores."""
    for row in range(first, last):
        anomalous, total = 0, 0
        for index in range(counts.shape[1]):
            total += counts[row, index]
            anomalous += counts[row, index] if index >= known else 0
        true, false, area, precision, false_at_95 = 0, 0, 0.0, 0.0, -1
        nearest, false_at_nearest = 2.0, 0
        group_true, group_false = 0, 0
        for index in range(len(order)):
            if order[index] >= known:
                group_true += counts[row, order[index]]
            else:
                group_false += counts[row, order[index]]
            if not ends[index]:
                continue
            area += group_false * (true + 0.5 * group_true)
            incomplete = true < anomalous
            true += group_true
            false += group_false
            if group_true:
                precision += group_true * true / (true + false)
            if false_at_95 < 0 and true / anomalous >= 0.95:
                false_at_95 = false
            distance = abs(true / anomalous - 0.95)
            if incomplete and distance <= nearest:
                nearest, false_at_nearest = distance, false
            group_true, group_false = 0, 0
        values[row, 0] = area / (anomalous * (total - anomalous))
        values[row, 1] = precision / anomalous
        values[row, 2] = false_at_95 / (total - anomalous)
        values[row, 3] = false_at_nearest / (total - anomalous)
