"""Calibration errors and detection as statistics of resampled images, for `bootstrap`: sorted once, compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import threads
from ._anomalies import DETECTION, labelled
from ._calibration import Answers, check_bins
from ._intervals import Statistic, bootstrap


def rms_of(given: Answers, *, last_bin: bool, images: int | None = None, bin_size: int = 100) -> Statistic:
    """The RMS calibration error as a statistic.

    Args:
        given: the answers; those to several severities lie one after another.
        last_bin, bin_size: as in `rms_calibration_error`.
        images: how many different ones there are, where each is answered at several severities.
    """
    count = len(given.right) if images is None else images
    if count < 1 or len(given.right) % count:
        raise InputError(f"calibration: {len(given.right)} answers are no whole number of answers to {count} images")
    if not last_bin:
        check_bins(len(given.right) // bin_size, len(given.right))
    order = np.argsort(given.confidence, kind="stable")
    image = (order % count).astype(np.int32)
    gap = given.confidence[order] - given.right[order]

    def statistic(counts: np.ndarray) -> np.ndarray:
        values = np.empty(len(counts))
        threads.run(_rms, len(counts), (counts, image, gap, bin_size, last_bin, values), values=counts.size)
        return values

    return statistic


def average(statistics: Sequence[Statistic]) -> Statistic:
    """The mean of several statistics of the same images: for RMS on C, whose corruptions share their images."""
    return lambda *counts: np.mean([statistic(*counts) for statistic in statistics], axis=0)


def detection_statistic(known: ArrayLike, sets: Mapping[str, ArrayLike]) -> Statistic:
    """What `detection` gives as a statistic of the known images and of each set: (r, (sets + 1) * measures)."""
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
    """95 % intervals of what `detection` gives: set (or "mean") → measure → [low, high]; arguments are those there.

    The known images and each set are resampled apart, the known ones for all sets together. A set of one image has
    no interval, and then the mean has none.
    """
    whole, sets = len(sets), {name: values for name, values in sets.items() if len(np.asarray(values)) > 1}
    if len(np.asarray(known)) < 2 or not sets:
        return {}
    statistic = detection_statistic(known, sets)
    sizes = [len(np.asarray(values)) for values in (known, *sets.values())]
    found = bootstrap(statistic, *sizes, seed=seed, resamples=resamples, within=(0.0, 1.0))
    intervals = found.T.reshape(len(sets) + 1, len(DETECTION), 2).tolist()
    names = [*sets, "mean"] if len(sets) == whole else [*sets]
    return {name: dict(zip(DETECTION, rows, strict=True)) for name, rows in zip(names, intervals, strict=False)}


@kernel
def _rms(first, last, counts, image, gap, bin_size, last_bin, values):
    """Fill bins of `bin_size` in the order of confidence, images drawn several times as often as they are."""
    total = len(gap)
    bins = max(total // bin_size, 1)
    for row in range(first, last):
        squares, gaps, number = 0.0, 0.0, 0
        size = bin_size if bins > 1 else total
        room = size
        for index in range(total):
            left = counts[row, image[index]]
            while left > 0:
                taken = min(left, room)
                gaps += taken * gap[index]
                left -= taken
                room -= taken
                if room == 0:
                    if last_bin or number < bins - 1:
                        squares += gaps * gaps / size
                    number, gaps = number + 1, 0.0
                    size = bin_size if number < bins - 1 else total - (bins - 1) * bin_size
                    room = size
        values[row] = np.sqrt(squares / total)


@kernel
def _detect(first, last, counts, order, ends, known, values):
    """`DETECTION` by one walk down the scores; `ends` marks the last image of equal scores."""
    for row in range(first, last):
        anomalous, total = 0, 0
        for index in range(counts.shape[1]):
            total += counts[row, index]
            anomalous += counts[row, index] if index >= known else 0
        found, flagged, area, precision, flagged95 = 0, 0, 0.0, 0.0, -1
        nearest, flagged_nearest = 2.0, 0
        group_found, group_flagged = 0, 0
        for index in range(len(order)):
            if order[index] >= known:
                group_found += counts[row, order[index]]
            else:
                group_flagged += counts[row, order[index]]
            if not ends[index]:
                continue
            area += group_flagged * (found + 0.5 * group_found)
            incomplete = found < anomalous
            found += group_found
            flagged += group_flagged
            if group_found:
                precision += group_found * found / (found + flagged)
            if flagged95 < 0 and found / anomalous >= 0.95:
                flagged95 = flagged
            distance = abs(found / anomalous - 0.95)
            if incomplete and distance <= nearest:
                nearest, flagged_nearest = distance, flagged
            group_found, group_flagged = 0, 0
        values[row, 0] = area / (anomalous * (total - anomalous))
        values[row, 1] = precision / anomalous
        values[row, 2] = flagged95 / (total - anomalous)
        values[row, 3] = flagged_nearest / (total - anomalous)
