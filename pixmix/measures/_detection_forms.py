"""Detection measures as other benchmarks have them, beside those of the paper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from ._anomalies import auroc, fpr95, labelled


def fpr95_known(known: ArrayLike, anomalous: ArrayLike) -> float:
    """The share of anomalous images taken for known ones at the threshold that keeps at least 95 % of the known.

    Many papers' FPR95; in ours and OpenOOD's, `fpr95`, anomalous images are those of which 95 % are found.

    Args:
        known: (N,) anomaly scores of in-distribution images.
        anomalous: (M,) anomaly scores of out-of-distribution images.

    Returns:
        A fraction; chance is 0.95.

    Raises:
        InputError: there are no scores of a kind, or they are not finite.

    Example:
        >>> from pixmix import measures
        >>> measures.fpr95_known([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5])
        0.5
    """
    return fpr95(*_exchanged(known, anomalous))


def fpr95_openood(known: ArrayLike, anomalous: ArrayLike) -> float:
    """`fpr95` on the thinned curve that OpenOOD uses, too large where many scores are equal; for parity alone.

    Arguments are those of `fpr95_known`.

    Example:
        >>> from pixmix import measures
        >>> tied = list(range(40))
        >>> measures.fpr95(tied, tied), measures.fpr95_openood(tied, tied)
        (0.95, 1.0)
    """
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(*labelled(known, anomalous))
    return float(fpr[np.argmax(tpr >= 0.95)])


def aupr_out(known: ArrayLike, anomalous: ArrayLike) -> float:
    """Area under the precision-recall curve by the trapezoid rule, anomalous images positive, as OpenOOD has it.

    Not the paper's `aupr`, which is the average precision. Arguments are those of `fpr95_known`.

    Example:
        >>> from pixmix import measures
        >>> round(measures.aupr_out([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5]), 3)
        0.708
    """
    return _trapezoid(*labelled(known, anomalous))


def aupr_in(known: ArrayLike, anomalous: ArrayLike) -> float:
    """The same area with in-distribution images positive. Arguments are those of `fpr95_known`.

    Example:
        >>> from pixmix import measures
        >>> measures.aupr_in([-0.9, -0.8], [-0.75, -0.5])
        1.0
    """
    return _trapezoid(*labelled(*_exchanged(known, anomalous)))


def _exchanged(known: ArrayLike, anomalous: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The scores with in-distribution images as the positive kind."""
    labelled(known, anomalous)  # whose errors name the kinds as the caller has them
    return -np.asarray(anomalous, np.float64), -np.asarray(known, np.float64)


def _trapezoid(positive: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import auc, precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, scores)
    return float(auc(recall, precision))


OPENOOD: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "fpr95_openood": fpr95_openood,
    "auroc": auroc,
    "aupr_in": aupr_in,
    "aupr_out": aupr_out,
}
"""OpenOOD's detection measures by name, in the order of its tables."""
