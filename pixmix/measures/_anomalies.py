"""Out-of-distribution detection by anomaly scores; anomalous images are the positive class (Hendrycks & Gimpel, 2017).

scikit-learn takes more than a second to import, so only the functions that need it import it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.errors import InputError

from ._inputs import check_logits, softmax


def msp(logits: ArrayLike) -> np.ndarray:
    """Anomaly score: the negative maximum softmax probability (Hendrycks & Gimpel, 2017).

    Args:
        logits: (N, classes) finite numbers.

    Returns:
        (N,) float64 in [−1, 0), higher for images that look out of distribution.

    Raises:
        InputError: logits of another shape, or not finite.

    Example:
        >>> from pixmix import measures
        >>> measures.msp([[0.0, 0.0], [0.0, -1000.0]])
        array([-0.5, -1. ])
    """
    return -softmax(logits).max(axis=1)


def max_logit(logits: ArrayLike) -> np.ndarray:
    """Anomaly score: the negative largest logit (Hendrycks et al., 2022), (N,) float64; arguments as for `msp`.

    Example:
        >>> from pixmix import measures
        >>> measures.max_logit([[1.0, 3.0]])
        array([-3.])
    """
    return -check_logits(logits).max(axis=1).astype(np.float64)


def energy(logits: ArrayLike) -> np.ndarray:
    """Anomaly score: the free energy −log Σ exp(logit) (Liu et al., 2020), (N,) float64; arguments as for `msp`.

    Example:
        >>> from pixmix import measures
        >>> measures.energy([[2.0, -1000.0]])
        array([-2.])
    """
    return -logsumexp(check_logits(logits).astype(np.float64), axis=1)


def auroc(known: ArrayLike, anomalous: ArrayLike) -> float:
    """Area under the ROC curve: the probability that an anomalous image scores higher; ties count half.

    Args:
        known: (N,) anomaly scores of in-distribution images.
        anomalous: (M,) anomaly scores of out-of-distribution images.

    Returns:
        A fraction; chance is 0.5.

    Raises:
        InputError: there are no scores of a kind, or they are not finite.

    Example:
        >>> from pixmix import measures
        >>> measures.auroc([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5])
        0.75
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*labelled(known, anomalous)))


def aupr(known: ArrayLike, anomalous: ArrayLike) -> float:
    """Area under the precision-recall curve, as average precision; chance is M / (N + M). Arguments as for `auroc`.

    Example:
        >>> from pixmix import measures
        >>> measures.aupr([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5])
        0.75
    """
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*labelled(known, anomalous)))


def fpr95(known: ArrayLike, anomalous: ArrayLike) -> float:
    """The smallest false positive rate at a true positive rate of at least 95 %; arguments as for `auroc`.

    Example:
        >>> from pixmix import measures
        >>> measures.fpr95([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5])
        0.5
    """
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(*labelled(known, anomalous), drop_intermediate=False)
    return float(fpr[tpr >= 0.95].min())


def fpr95_reference(known: ArrayLike, anomalous: ArrayLike) -> float:
    """FPR95 as in the original code: the false positive rate where the true positive rate is nearest to 95 %.

    Of two rates that are equally near in float64, the higher is taken; of thresholds with the same true positive rate,
    the lowest, which has the most false positives. Thresholds below the first that detects all anomalous images are
    ignored. Arguments are those of `auroc`.

    Example:
        >>> from pixmix import measures
        >>> measures.fpr95_reference([-0.9, -0.8, -0.7, -0.6], [-0.75, -0.5])
        0.5
    """
    from sklearn.metrics import roc_curve

    fpr, tpr, _ = roc_curve(*labelled(known, anomalous), drop_intermediate=False)
    last = int(np.searchsorted(tpr, tpr[-1]))
    fpr, tpr = fpr[last:0:-1], tpr[last:0:-1]
    return float(fpr[np.argmin(np.abs(tpr - 0.95))])


DETECTION: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "auroc": auroc,
    "aupr": aupr,
    "fpr95": fpr95,
    "fpr95_reference": fpr95_reference,
}
"""Detection measures by name; `_reference` marks the form of the original code."""


def labelled(known: ArrayLike, anomalous: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels (1 for anomalous) and scores of all images, (N + M,) each; raises InputError for invalid scores."""
    scores = []
    for name, values in (("in-distribution", known), ("out-of-distribution", anomalous)):
        array = np.asarray(values, np.float64)
        if array.ndim != 1 or len(array) == 0:
            raise InputError(f"{name} scores must be (N,) with N > 0, got {array.shape}; both kinds are needed")
        if not np.isfinite(array).all():
            raise InputError(f"{name} scores hold NaN or infinite values; the network has diverged")
        scores.append(array)
    return np.repeat([0, 1], [len(scores[0]), len(scores[1])]), np.concatenate(scores)
