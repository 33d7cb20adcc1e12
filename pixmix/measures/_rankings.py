"""The top-5 classes of each image or frame, from which flips and top-5 distances are computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError
from mixset._common.kernels import kernel

from .._common import threads

TOP = 5


def top_classes(logits: ArrayLike) -> np.ndarray:
    """The classes of the five largest logits, in descending order.

    The logits are read once and may be a memory-mapped file. The result takes a 200th of the memory of 1,000 logits, so
    frames can be ranked as they are forwarded, without keeping their logits.

    Args:
        logits: (..., classes) finite numbers; of equal logits the lower class comes first.

    Returns:
        (..., 5) int32, or (..., classes) if there are fewer classes.

    Raises:
        InputError: there are no classes, or values that are not finite numbers.

    Example:
        >>> from pixmix import measures
        >>> measures.top_classes([[0.1, 0.7, 0.2]])
        array([[1, 2, 0]], dtype=int32)
    """
    array = np.asarray(logits)
    if array.ndim < 1 or array.shape[-1] == 0 or array.dtype.kind not in "fiu":
        raise InputError(f"logits must be numbers of shape (..., classes), got {array.dtype} {array.shape}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    rows = array.reshape(-1, array.shape[-1])
    top = np.empty((len(rows), min(TOP, rows.shape[1])), np.int32)
    finite = np.empty(len(rows), np.bool_)
    threads.run(_rank, len(rows), (threads.read_only(rows), top, finite), values=rows.size)
    if not finite.all():
        raise InputError(
            f"logits of {np.count_nonzero(~finite):,} of {len(rows):,} frames are not finite (first: frame "
            f"{int(np.argmin(finite))}); the network has diverged or its input was not finite"
        )
    return top.reshape(*array.shape[:-1], -1)


@kernel
def _rank(first: int, last: int, rows: np.ndarray, top: np.ndarray, finite: np.ndarray) -> None:
    classes, length = rows.shape[1], top.shape[1]
    best = np.empty(length, rows.dtype)
    for row in range(first, last):
        zero = rows[row, 0] * 0
        filled = 0
        for label in range(classes):
            value = rows[row, label]
            zero += value * 0  # becomes and stays NaN after the first value that is not finite
            if filled == length and value <= best[length - 1]:
                continue
            index = min(filled, length - 1)
            while index > 0 and best[index - 1] < value:
                best[index], top[row, index] = best[index - 1], top[row, index - 1]
                index -= 1
            best[index], top[row, index] = value, label
            filled = min(filled + 1, length)
        finite[row] = zero == 0
