"""Intervals beside the numbers: how far a measure would move with other test images of the same kind and number."""

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
"""(r, n) int32 counts, one array for each sample: how often each image is in each of r resamples; gives r values,
(r,) or (r, measures)."""

_COUNTS = 1 << 21
"""Counts held at once: 8 MB, and some 30 MB of what statistics make of them."""


def bootstrap(
    statistic: Statistic,
    *sizes: int,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
    within: tuple[float, float] = (0.0, math.inf),
) -> np.ndarray:
    """The interval of a statistic of images drawn at random: (2,) low and high, or (2, measures).

    Images are drawn with replacement, as many as there are, from each sample by itself. The interval is the value on
    the sample itself, plus the quantiles of the resamples' values about their own mean. For means this is the
    percentile interval; for the RMS calibration error, which is larger the noisier its bins are, it takes out what
    resampling adds to the noise (the percentile interval may not even hold the value).

    Args:
        statistic: of counts, so that what must be sorted is sorted once.
        sizes: images of each sample; with the same seed and sizes the same images are drawn, so give several
            measures of the same images to one statistic where their mean is wanted.
        seed: of the resamples, a function of nothing else.
        resamples: how many.
        level: the share of resamples within the interval.
        within: what values the statistic can have; ends beyond are cut.

    Raises:
        Undefined: a sample of one image, which does not tell how images differ.
        InputError: an empty sample, no resamples, a level that is no share.
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
    """(rows, size) int32: how often each of `size` images is drawn in `size` draws."""
    counts = np.zeros((rows, size), np.int32)
    _count(generator.integers(0, size, (rows, size), dtype=np.int64), counts)
    return counts


@kernel
def _count(drawn, counts):
    for row in range(len(drawn)):
        for index in range(drawn.shape[1]):
            counts[row, drawn[row, index]] += 1


def error_interval(error: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of an error, a fraction of n images.

    Resampling right and wrong answers is drawing from a binomial, so a closed form will do; this one keeps its level
    for few images and does not shrink to a point where no answer is wrong.
    """
    if n < 1 or not 0 <= error <= 1 or not 0 < level < 1:
        raise InputError(f"interval: a fraction of n > 0 images and a level within 0..1 are needed: {error}, {n}")
    z = float(ndtri(0.5 + level / 2))
    centre, spread = error + z * z / (2 * n), z * math.sqrt(error * (1 - error) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def mean_of(values: ArrayLike) -> Statistic:
    """The statistic of a mean over images, such as `sequence_flips`, or each image's share of an mCE.

    Args:
        values: (n,) or (n, measures), of each image.
    """
    array = np.asarray(values, np.float64)
    return lambda counts: counts @ array / counts.shape[1]
