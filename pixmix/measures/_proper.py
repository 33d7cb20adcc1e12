"""Proper scoring rules: negative log-likelihood and Brier score, which reward both right and calibrated answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from ._inputs import check_labels, check_logits, softmax

_VALUES = 1 << 20
"""Logits of a block: 8 MB in float64."""


def proper_scores(logits: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Each image's negative log-likelihood and Brier score, (N, 2) float64; arguments as for `nll`.

    Their means are `nll` and `brier`; of the images' own values `bootstrap` makes intervals.

    Example:
        >>> from pixmix import measures
        >>> measures.proper_scores([[0.0, 0.0]], [1]).round(3)
        array([[0.693, 0.5  ]])
    """
    checked = check_logits(logits)
    given = check_labels(labels, checked)
    values = np.empty((len(checked), 2))
    rows = max(_VALUES // checked.shape[1], 1)
    for start in range(0, len(checked), rows):
        block, own = checked[start : start + rows].astype(np.float64), given[start : start + rows]
        each = np.arange(len(block))
        values[start : start + rows, 0] = logsumexp(block, axis=1) - block[each, own]
        errors = softmax(block)
        errors[each, own] -= 1
        values[start : start + rows, 1] = (errors**2).sum(axis=1)
    return values


def nll(logits: ArrayLike, labels: ArrayLike) -> float:
    """The mean negative logarithm of the label's probability, in nats.

    From the logits, so it is finite where probabilities underflow.

    Args:
        logits: (N, classes) finite numbers.
        labels: (N,) class numbers.

    Raises:
        InputError: other shapes, logits that are not finite, or labels out of range.

    Example:
        >>> from pixmix import measures
        >>> measures.nll([[0.0, -1000.0]], [1])
        1000.0
    """
    return float(proper_scores(logits, labels)[:, 0].mean())


def brier(logits: ArrayLike, labels: ArrayLike) -> float:
    """The Brier score, Σ_c (p_c − [c is the label])² averaged over images: from 0 to 2 (Brier, 1950).

    Not halved, as for two classes some do. Arguments are those of `nll`.

    Example:
        >>> from pixmix import measures
        >>> measures.brier([[0.0, 0.0]], [1])
        0.5
    """
    return float(proper_scores(logits, labels)[:, 1].mean())
