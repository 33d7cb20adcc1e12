"""An inverse Fourier transform of our own: NumPy's and SciPy's differ in the last bits between builds.

Radix 2, decimation in time, in float32 over blocks of columns: each butterfly joins two rows of a block, so that the
inner loop is vectorised without a gather and its data stay in the cache. Copies are loops: Numba takes seconds to
compile each assignment to a slice.
"""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine, sine
from mixset._common.kernels import kernel

_BLOCK = 32


@kernel(error_model="numpy")
def _indices(side: int) -> np.ndarray:
    """(side,) int64: each index with its bits reversed."""
    out = np.zeros(side, np.int64)
    half, filled = side // 2, 1
    while filled < side:
        for i in range(filled):
            out[filled + i] = out[i] + half
        half, filled = half // 2, 2 * filled
    return out


@kernel(error_model="numpy")
def _columns(real: np.ndarray, imaginary: np.ndarray) -> None:
    """Transform every column in place."""
    side = len(real)
    indices = _indices(side)
    east, north = np.empty(side // 2, np.float32), np.empty(side // 2, np.float32)
    for i in range(side // 2):
        east[i], north[i] = np.float32(cosine(i / side)), np.float32(sine(i / side))
    block_real, block_imaginary = np.empty((side, _BLOCK), np.float32), np.empty((side, _BLOCK), np.float32)
    for first in range(0, side, _BLOCK):
        for j in range(side):
            p, q = block_real[indices[j]], block_imaginary[indices[j]]
            for x in range(_BLOCK):
                p[x], q[x] = real[j, first + x], imaginary[j, first + x]
        half = 1
        while half < side:
            for i in range(half):
                c, s = east[i * (side // (2 * half))], north[i * (side // (2 * half))]
                for j in range(i, side, 2 * half):
                    p, q = block_real[j], block_imaginary[j]
                    u, v = block_real[j + half], block_imaginary[j + half]
                    for x in range(_BLOCK):
                        a, b = c * u[x] - s * v[x], c * v[x] + s * u[x]
                        u[x], v[x] = p[x] - a, q[x] - b
                        p[x], q[x] = p[x] + a, q[x] + b
            half *= 2
        for j in range(side):
            p, q = block_real[j], block_imaginary[j]
            for x in range(_BLOCK):
                real[j, first + x], imaginary[j, first + x] = p[x], q[x]


@kernel(error_model="numpy")
def _transpose(plane: np.ndarray) -> None:
    side = len(plane)
    for top in range(0, side, 16):
        for left in range(0, top + 16, 16):
            for y in range(top, top + 16):
                for x in range(left, min(left + 16, y)):
                    plane[y, x], plane[x, y] = plane[x, y], plane[y, x]


@kernel(error_model="numpy")
def inverse(real: np.ndarray, imaginary: np.ndarray) -> None:
    """Σ F(v, u) e^{2πi(uy + vx)/S} over all frequencies, unscaled and in place; the result is transposed.

    Args:
        real, imaginary: (S, S) float32, S a power of two of at least 32.
    """
    _columns(real, imaginary)
    _transpose(real)
    _transpose(imaginary)
    _columns(real, imaginary)
