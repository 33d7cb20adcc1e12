"""What every measure asks of its input, and the softmax they share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError


class Undefined(InputError):
    """So few images do not have the statistic; the message is the reason, in words that can stand below a table."""


def check_logits(logits: ArrayLike) -> np.ndarray:
    """(N, classes) finite numbers with N and classes at least 1, or InputError that says what is wrong."""
    array = np.asarray(logits)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise InputError(f"logits must be numbers of shape (N, classes), N > 0; got {array.dtype} {array.shape}")
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise InputError(
            f"logits of {np.count_nonzero(~finite):,} of {len(array):,} images are not finite (first: image "
            f"{int(np.argmin(finite))}); the network has diverged or its input was not finite"
        )
    return array


def check_labels(labels: ArrayLike, logits: np.ndarray) -> np.ndarray:
    """(N,) class numbers that fit the logits, as int64, or InputError that says what is wrong."""
    array = np.asarray(labels)
    if array.shape != logits.shape[:1] or array.dtype.kind not in "iu":
        raise InputError(f"labels must be {len(logits):,} whole numbers, got {array.dtype} {array.shape}")
    if array.min() < 0 or array.max() >= logits.shape[1]:
        raise InputError(f"labels run from {array.min()} to {array.max()}, the logits have {logits.shape[1]} classes")
    return array.astype(np.int64)


def row_sum(array: np.ndarray) -> int | None:
    """1 where each row of (N, classes) holds probabilities, 100 where it holds them in per cent, else None.

    They may be rounded: a row's sum may be off by a tenth, the mean of all by a fiftieth.
    """
    values = array.astype(np.float64)
    if not values.min() >= 0:
        return None
    for total in (1, 100):
        off = values.sum(axis=1) / total - 1
        if values.max() <= 1.001 * total and np.abs(off).max() <= 0.1 and abs(off.mean()) <= 0.02:
            return total
    return None


def softmax(logits: ArrayLike) -> np.ndarray:
    """(N, classes) float64 probabilities; float64 keeps apart confidences that are all 1 in float32."""
    array = check_logits(logits).astype(np.float64)
    exponentials = np.exp(array - array.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
