"""Confidence intervals: how much a measure would vary with other test images of the same kind and number."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from ._inputs import Undefined

Statistic = Callable[..., np.ndarray]
"""A statistic of r resamples: takes for each sample how often each resample contains each of its n images, (r, n)
int32, and returns (r,) or (r, measures)."""

_COUNTS = 1 << 21
"""Counts in memory at once: 8 MB, and about 30 MB for the statistics."""


def bootstrap(
    statistic: Statistic,
    *sizes: int,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
    within: tuple[float, float] = (0.0, math.inf),
) -> np.ndarray:
    """The bootstrap confidence interval of a statistic.

    Each sample is resampled independently, with replacement, to its own size. The interval is the statistic of the
    samples themselves plus the quantiles of the resamples' values about their mean. For means this is the percentile
    interval; for the RMS calibration error, which grows with the noise in its bins, it corrects for the noise that
    resampling adds (the percentile interval may not even contain the value).

    Args:
        statistic: a function of counts, so that images need to be sorted only once.
        sizes: the number of images of each sample. The resamples depend on seed and sizes alone; to take a mean of
            measures of the same images, compute all in one statistic.
        seed: the seed of the resamples.
        resamples: the number of resamples.
        level: the fraction of resamples within the interval.
        within: the range of the statistic, to which the interval is clipped.

    Returns:
        The low and the high end, (2,) or (2, measures).

    Raises:
        Undefined: a sample has a single image, which does not show how images vary.
        InputError: a sample is empty, there are too few resamples, or the level is not a fraction.

    Example:
        >>> from pixmix import measures
        >>> right = [0.0, 1.0] * 50  # of each image
        >>> low, high = measures.bootstrap(measures.mean_of(right), 100, seed=0)
        >>> bool(low < 0.5 < high)
        True
    """
    if not sizes or min(sizes) < 1:
        raise InputError(f"bootstrap: samples of at least one image are needed, got {', '.join(map(str, sizes))}")
    if min(sizes) < 2:
        raise Undefined("an interval needs at least 2 images")
    if resamples < 2 or not 0 < level < 1:
        raise InputError(f"bootstrap: at least 2 resamples and a level within 0..1 are needed: {resamples}, {level}")
    value = statistic(*(np.ones((1, size), np.int32) for size in sizes))[0]
    generator = np.random.default_rng(seed)
    rows = max(_COUNTS // sum(sizes), 1)
    parts = []
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        parts.append(statistic(*(_resample(generator, count, size) for size in sizes)))
    values = np.concatenate(parts)
    tails = (1 - level) / 2
    low, high = np.quantile(values - values.mean(axis=0), [tails, 1 - tails], axis=0)
    return np.clip([value + low, value + high], *within)


def _resample(generator: np.random.Generator, rows: int, size: int) -> np.ndarray:
    """How often each of `size` images is drawn in `size` draws with replacement, (rows, size) int32."""
    counts = np.zeros((rows, size), np.int32)
    _count(generator.integers(0, size, (rows, size), dtype=np.int64), counts)
    return counts


def distinct(answers: int, images: int | None) -> int:
    """How many images so many answers are to: `images`, or None: as many; InputError unless each has equally many."""
    count = answers if images is None else images
    if count < 1 or answers % count:
        raise InputError(f"calibration: the number of answers, {answers}, is not a multiple of {count} images")
    return count


@kernel
def _count(drawn: np.ndarray, counts: np.ndarray) -> None:
    for row in range(len(drawn)):
        for index in range(drawn.shape[1]):
            counts[row, drawn[row, index]] += 1


def error_interval(error: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of an error.

    The number of wrong answers in a resample is binomial, so no bootstrap is needed. Wilson's interval keeps its level
    for few images and does not shrink to a point if no answer is wrong.

    Args:
        error: a fraction of the images.
        n: the number of images.
        level: the confidence level.

    Returns:
        The low and the high end, fractions.

    Raises:
        InputError: the error or the level is not a fraction, or there are no images.

    Example:
        >>> from pixmix import measures
        >>> low, high = measures.error_interval(0.1, 1000)
        >>> round(low, 3), round(high, 3)
        (0.083, 0.12)
    """
    if n < 1 or not 0 <= error <= 1 or not 0 < level < 1:
        raise InputError(f"interval: a fraction of n > 0 images and a level within 0..1 are needed: {error}, {n}")
    z = float(ndtri(0.5 + level / 2))
    centre, spread = error + z * z / (2 * n), z * math.sqrt(error * (1 - error) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def mean_of(values: ArrayLike) -> Statistic:
    """The mean over images as a statistic for `bootstrap`, for example of `sequence_flips`.

    Args:
        values: the value of each image, (n,) or (n, measures).

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> mean = measures.mean_of([0.0, 1.0])
        >>> mean(np.array([[1, 1], [2, 0]]))  # each image once; the first one twice
        array([0.5, 0. ])
    """
    array = np.asarray(values, np.float64)
    return lambda counts: counts @ array / counts.shape[1]
