"""Checks of logits and labels, and the softmax, shared by all measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

_VALUES = 1 << 20
"""Probabilities of a block: 8 MB, where all of 50,000 images and 1,000 classes would be 400."""


class Undefined(InputError):
    """A statistic is not defined for so few images; the message is the reason, worded to stand below a table."""


def check_logits(logits: ArrayLike) -> np.ndarray:
    """Return logits as an array; raises InputError unless they are (N, classes) finite numbers, both at least 1."""
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
    """Return labels as (N,) int64; raises InputError unless they are class numbers that match the logits."""
    array = np.asarray(labels)
    if array.shape != logits.shape[:1] or array.dtype.kind not in "iu":
        raise InputError(f"labels must be {len(logits):,} whole numbers, got {array.dtype} {array.shape}")
    if array.min() < 0 or array.max() >= logits.shape[1]:
        raise InputError(f"labels run from {array.min()} to {array.max()}, the logits have {logits.shape[1]} classes")
    return array.astype(np.int64)


def row_sum(array: np.ndarray) -> int | None:
    """What the rows of (N, classes) sum to if they are probabilities: 1, or 100 for percentages; else None.

    They may be rounded: the sum of a row may be off by 10 %, the mean over all rows by 2 %.
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
    """Probabilities, (N, classes) float64, which distinguishes confidences that are all 1 in float32.

    Example:
        >>> from pixmix import measures
        >>> measures.softmax([[0.0, 0.0], [0.0, -1000.0]])
        array([[0.5, 0.5],
               [1. , 0. ]])
    """
    array = check_logits(logits).astype(np.float64)
    exponentials = np.exp(array - array.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def confidences(checked: np.ndarray) -> np.ndarray:
    """The largest probability of each image, (N,) float64, of logits that are checked."""
    rows = max(_VALUES // checked.shape[1], 1)
    return np.concatenate(
        [softmax(checked[start : start + rows]).max(axis=1) for start in range(0, len(checked), rows)]
    )
