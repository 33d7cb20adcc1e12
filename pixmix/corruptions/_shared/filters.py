"""Image filters: Gaussians bit for bit as in SciPy, and kernels that are symmetric in both axes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mixset._common.kernels import kernel

BORDERS = ("nearest", "reflect", "mirror")
"""How `abcd` continues: with its last value (`ddd`), reflected with that value (`dcb`), or without it (`cba`)."""


def gaussian(values: np.ndarray, sigma: float, *, border: str = "nearest", truncate: float = 4.0) -> np.ndarray:
    """Filter each channel like `scipy.ndimage.gaussian_filter`, which scikit-image uses.

    The result is equal bit for bit unless the kernel is longer than the image; then it is folded, which is much faster
    and equal up to rounding.

    Args:
        values: (H, W) or (H, W, C) float64, or float32, which is rounded after each axis as in SciPy. Returned itself
            if sigma is too small to have an effect.
        sigma: the standard deviation in pixels.
        border: one of `BORDERS`.
        truncate: the radius of the kernel in sigmas.
    """
    weights = gaussian_weights(sigma, truncate)
    if len(weights) == 1:
        return values
    flat = np.ascontiguousarray(values, np.float64).reshape(len(values), -1)
    between, result = np.empty_like(flat), np.empty_like(flat)
    height, width, radius = *values.shape[:2], len(weights) - 1
    single = values.dtype == np.float32
    if radius > height:
        _multiply(folded(height, sigma, truncate, border), flat, between)
    else:
        _filter_down(flat, weights, indices(height, radius, border), between)
    if single:
        between = between.astype(np.float32).astype(np.float64)
    if radius > width:
        _multiply_along(folded(width, sigma, truncate, border), between, result)
    else:
        _filter_along(between, weights, indices(width, radius, border), result)
    shaped = result.reshape(values.shape)
    return shaped.astype(np.float32) if single else shaped


def symmetric(values: np.ndarray, quarter: np.ndarray) -> np.ndarray:
    """Filter (H, W, C) float64, padded by its mirror image, with a kernel that is symmetric in both axes.

    Args:
        values: the image.
        quarter: the kernel's lower right quadrant, (ry + 1, rx + 1) float64, starting at its centre.
    """
    height, width = values.shape[:2]
    flat = np.ascontiguousarray(values, np.float64).reshape(height, -1)
    result = np.empty_like(flat)
    down, along = indices(height, quarter.shape[0] - 1, "mirror"), indices(width, quarter.shape[1] - 1, "mirror")
    _filter_both(flat, quarter, down, along, result)
    return result.reshape(values.shape)


@lru_cache(64)
def gaussian_weights(sigma: float, truncate: float) -> np.ndarray:
    """The centre and one side of a sampled Gaussian that sums to 1: (radius + 1,) float64."""
    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return np.ones(1)
    values = np.exp(-0.5 / (sigma * sigma) * np.arange(-radius, radius + 1) ** 2)
    return (values / values.sum())[radius:]


@lru_cache(256)
def indices(size: int, margin: int, border: str) -> np.ndarray:
    """The source index of each value of a row that is padded by `margin` on each side: (size + 2·margin,)."""
    positions = np.arange(-margin, size + margin)
    if border == "nearest":
        return np.clip(positions, 0, size - 1)
    period = 2 * size if border == "reflect" else max(2 * size - 2, 1)
    positions = positions % period
    return np.where(positions < size, positions, period - positions - (border == "reflect"))


@lru_cache(8)
def folded(size: int, sigma: float, truncate: float, border: str) -> np.ndarray:
    """The Gaussian as a matrix, with the weights of padding added to those of its sources: (size, size) float64."""
    weights = gaussian_weights(sigma, truncate)
    radius = len(weights) - 1
    sources, both_sides = indices(size, radius, border), np.concatenate([weights[:0:-1], weights])
    return np.stack([np.bincount(sources[y : y + len(both_sides)], both_sides, size) for y in range(size)])


@kernel
def _filter_down(values: np.ndarray, weights: np.ndarray, sources: np.ndarray, result: np.ndarray) -> None:
    """Filter along columns; terms are added in SciPy's order: the centre, then pairs from the outside in."""
    radius = weights.size - 1
    for y in range(values.shape[0]):
        sums, middle = result[y], values[y]
        for x in range(sums.size):
            sums[x] = middle[x] * weights[0]
        for distance in range(radius, 0, -1):
            above, below = values[sources[y + radius - distance]], values[sources[y + radius + distance]]
            weight = weights[distance]
            for x in range(sums.size):
                sums[x] += (above[x] + below[x]) * weight


@kernel
def _filter_along(values: np.ndarray, weights: np.ndarray, sources: np.ndarray, result: np.ndarray) -> None:
    radius = weights.size - 1
    channels = values.shape[1] // (sources.size - 2 * radius)
    row = np.empty(sources.size * channels)
    for y in range(values.shape[0]):
        _continue(values[y], sources, channels, row)
        sums, start = result[y], radius * channels
        for x in range(sums.size):
            sums[x] = row[start + x] * weights[0]
        for distance in range(radius, 0, -1):
            left, right = row[start - distance * channels :], row[start + distance * channels :]
            weight = weights[distance]
            for x in range(sums.size):
                sums[x] += (left[x] + right[x]) * weight


@kernel
def _continue(values: np.ndarray, sources: np.ndarray, channels: int, row: np.ndarray) -> None:
    for x in range(sources.size):
        for channel in range(channels):
            row[x * channels + channel] = values[sources[x] * channels + channel]


@kernel
def _multiply(matrix: np.ndarray, values: np.ndarray, result: np.ndarray) -> None:
    """matrix @ values, summed in the same order on every machine, which BLAS does not guarantee."""
    result[:] = 0.0
    for y in range(result.shape[0]):
        sums = result[y]
        for k in range(values.shape[0]):
            weight, row = matrix[y, k], values[k]
            for x in range(sums.size):
                sums[x] += weight * row[x]


@kernel
def _multiply_along(matrix: np.ndarray, values: np.ndarray, result: np.ndarray) -> None:
    """Multiply along rows, for each channel separately."""
    size = matrix.shape[0]
    channels = values.shape[1] // size
    transposed = matrix.T.copy()
    line = np.empty((channels, size))
    for y in range(values.shape[0]):
        line[:] = 0.0
        for k in range(size):
            weights = transposed[k]
            for channel in range(channels):
                value, sums = values[y, k * channels + channel], line[channel]
                for x in range(size):
                    sums[x] += value * weights[x]
        for x in range(size):
            for channel in range(channels):
                result[y, x * channels + channel] = line[channel, x]


@kernel
def _filter_both(
    values: np.ndarray, quarter: np.ndarray, down: np.ndarray, along: np.ndarray, result: np.ndarray
) -> None:
    """Rows and columns with the same weight are added before the multiplication, which saves three quarters of them."""
    y_radius, x_radius = quarter.shape[0] - 1, quarter.shape[1] - 1
    channels = values.shape[1] // (along.size - 2 * x_radius)
    start = x_radius * channels
    pair, row = np.empty(values.shape[1]), np.empty(along.size * channels)
    for y in range(values.shape[0]):
        sums = result[y]
        sums[:] = 0.0
        for dy in range(y_radius + 1):
            above, below = values[down[y + y_radius - dy]], values[down[y + y_radius + dy]]
            for x in range(sums.size):
                pair[x] = above[x] + below[x] if dy else above[x]
            _continue(pair, along, channels, row)
            for dx in range(x_radius + 1):
                weight = quarter[dy, dx]
                if weight == 0.0:
                    continue
                left, right = row[start - dx * channels :], row[start + dx * channels :]
                if dx:
                    for x in range(sums.size):
                        sums[x] += (left[x] + right[x]) * weight
                else:
                    for x in range(sums.size):
                        sums[x] += left[x] * weight
