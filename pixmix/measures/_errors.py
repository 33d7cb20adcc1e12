"""The classification error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ._inputs import check_labels, check_logits


def error(logits: ArrayLike, labels: ArrayLike) -> float:
    """The fraction of images whose largest logit is not the label's.

    Args:
        logits: (N, classes) finite numbers; of equal logits the lower class is the answer.
        labels: (N,) class numbers.

    Raises:
        InputError: other shapes, logits that are not finite, or labels out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.error([[2.0, 1.0], [0.0, 3.0]], [0, 0])
        0.5
    """
    checked = check_logits(logits)
    return float(np.mean(checked.argmax(axis=1) != check_labels(labels, checked)))
