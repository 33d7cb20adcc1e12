"""The share of wrong answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ._inputs import check_labels, check_logits


def error(logits: ArrayLike, labels: ArrayLike) -> float:
    """The share of images whose largest logit is not the label's; equal logits: the lower class wins.

    Args:
        logits: (N, classes).
        labels: (N,) class numbers.
    """
    checked = check_logits(logits)
    return float(np.mean(checked.argmax(axis=1) != check_labels(labels, checked)))
