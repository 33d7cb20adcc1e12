"""OpenCV's Canny edges, distance transform and equalisation of 8-bit grey images, reimplemented byte for byte."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

_TAN = 13573  # tan 22.5° in units of 2**−15
_STEP, _DIAGONAL, _KNIGHT = 65536, 91750, 143976
"""The lengths of straight, diagonal and knight's moves (1, 1.4 and 2.1969) in units of 2**−16."""


def canny(image: np.ndarray, low: int, high: int) -> np.ndarray:
    """The edges that `cv2.Canny(image, low, high)` finds in (H, W) uint8 with 3 × 3 Sobel gradients: (H, W) bool."""
    padded = np.pad(image.astype(np.int32), 1, mode="edge")
    smooth_y = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smooth_x = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    dx, dy = smooth_y[:, 2:] - smooth_y[:, :-2], smooth_x[2:] - smooth_x[:-2]
    state = np.zeros((image.shape[0] + 2, image.shape[1] + 2), np.uint8)
    _thin(dx, dy, np.pad(np.abs(dx) + np.abs(dy), 1), low, high, state)
    return state[1:-1, 1:-1] == 2


@kernel
def _thin(dx: np.ndarray, dy: np.ndarray, slope: np.ndarray, low: int, high: int, state: np.ndarray) -> None:
    """Mark ridges of the gradient: 1 above `low`, and 2 above `high` or connected to such a pixel."""
    height, width = dx.shape
    stack = np.empty((height * width, 2), np.int64)
    count = 0
    for y in range(height):
        for x in range(width):
            value = slope[y + 1, x + 1]
            if value <= low:
                continue
            across, down = abs(dx[y, x]), abs(dy[y, x]) << 15
            if down < across * _TAN:
                ridge = value > slope[y + 1, x] and value >= slope[y + 1, x + 2]
            elif down > across * _TAN + (across << 16):
                ridge = value > slope[y, x + 1] and value >= slope[y + 2, x + 1]
            else:
                side = -1 if (dx[y, x] ^ dy[y, x]) < 0 else 1
                ridge = value > slope[y, x + 1 - side] and value > slope[y + 2, x + 1 + side]
            if ridge and value > high:
                state[y + 1, x + 1] = 2
                stack[count] = y + 1, x + 1
                count += 1
            elif ridge:
                state[y + 1, x + 1] = 1
    while count:
        count -= 1
        y, x = stack[count]
        for j in range(y - 1, y + 2):
            for i in range(x - 1, x + 2):
                if state[j, i] == 1:
                    state[j, i] = 2
                    stack[count] = j, i
                    count += 1


def distances(zeros: np.ndarray, limit: float) -> np.ndarray:
    """The distance of each pixel to the nearest True of (H, W) bool, at most `limit` pixels: (H, W) float32.

    As in `cv2.distanceTransform` (`DIST_L2`, mask size 5), it is the length of straight, diagonal and knight's moves.
    """
    moves = np.full((zeros.shape[0] + 4, zeros.shape[1] + 4), 1 << 30, np.int64)
    _measure(zeros, moves)
    return np.minimum((moves[2:-2, 2:-2] * 2.0**-16).astype(np.float32), np.float32(limit))


@kernel
def _measure(zeros: np.ndarray, moves: np.ndarray) -> None:
    """Propagate distances forward from above and from the left, then backward."""
    height, width = zeros.shape
    for turn in (1, -1):
        for j in range(height):
            y = j + 2 if turn == 1 else height + 1 - j
            for i in range(width):
                x = i + 2 if turn == 1 else width + 1 - i
                if turn == 1 and zeros[y - 2, x - 2]:
                    moves[y, x] = 0
                    continue
                row, next_row = moves[y - turn], moves[y - 2 * turn]
                best = min(moves[y, x], moves[y, x - turn] + _STEP, row[x] + _STEP)
                best = min(best, min(row[x - 1], row[x + 1]) + _DIAGONAL)
                best = min(best, min(next_row[x - 1], next_row[x + 1], row[x - 2], row[x + 2]) + _KNIGHT)
                moves[y, x] = best


def equalize(image: np.ndarray) -> np.ndarray:
    """Equalise the histogram of (H, W) uint8 like `cv2.equalizeHist`."""
    counts = np.bincount(image.reshape(-1), minlength=256)
    darkest = int(np.flatnonzero(counts)[0])
    rest = image.size - int(counts[darkest])
    if rest == 0:
        return image
    below = np.cumsum(counts) - counts[darkest]
    table = np.rint(below.astype(np.float32) * (np.float32(255) / np.float32(rest)))
    return np.clip(table, 0, 255).astype(np.uint8)[image]
