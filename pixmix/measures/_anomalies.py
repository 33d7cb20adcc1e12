"""Detecting out-of-distribution images by a score; they are the positive class (Hendrycks & Gimpel, 2017).

scikit-learn takes more than a second to import, so the functions that need it do.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.errors import InputError

from ._inputs import check_logits, softmax


def msp(logits: ArrayLike) -> np.ndarray:
    """Anomaly score of (N, classes) logits: minus the maximum softmax probability, (N,) float64 in [-1, 0)."""
    return -softmax(logits).max(axis=1)


def max_logit(logits: ArrayLike) -> np.ndarray:
    """Anomaly score: minus the largest logit, (N,) float64 (Hendrycks et al., Scaling out-of-distribution, 2022)."""
    return -check_logits(logits).max(axis=1).astype(np.float64)


def energy(logits: ArrayLike) -> np.ndarray:
    """Anomaly score: the free energy −log Σ exp(logit) at temperature 1, (N,) float64 (Liu et al., 2020)."""
    return -logsumexp(check_logits(logits).astype(np.float64), axis=1)


SCORES: dict[str, Callable[[ArrayLike], np.ndarray]] = {"msp": msp, "max_logit": max_logit, "energy": energy}
"""Anomaly scores by name, higher for what looks out of distribution; the paper's is `msp`."""


def auroc(known: ArrayLike, anomalous: ArrayLike) -> float:
    """Area under the ROC curve: the share of pairs in which the anomalous image scores higher, ties half.

    Args:
        known: (N,) anomaly scores of in-distribution images.
        anomalous: (M,) anomaly scores of out-of-distribution images.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*labelled(known, anomalous)))


def aupr(known: ArrayLike, anomalous: ArrayLike) -> float:
    """Area under the precision-recall curve as average precision; chance is M / (N + M)."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*labelled(known, anomalous)))


def fpr95(known: ArrayLike, anomalous: ArrayLike) -> float:
    """The smallest share of in-distribution images flagged where at least 95 % of the anomalous ones are."""
    from sklearn.metrics import roc_curve

    flagged, found, _ = roc_curve(*labelled(known, anomalous), drop_intermediate=False)
    return float(flagged[found >= 0.95].min())


def fpr95_reference(known: ArrayLike, anomalous: ArrayLike) -> float:
    """FPR95 as the original code has it: the share flagged where the share of the anomalous found is nearest to 95 %.

    Of two shares found that are equally near, as float64 has them, the higher; of thresholds that find the same share,
    the lowest, which flags most. Thresholds below the first that finds all are not looked at.
    """
    from sklearn.metrics import roc_curve

    flagged, found, _ = roc_curve(*labelled(known, anomalous), drop_intermediate=False)
    all_found = int(np.searchsorted(found, found[-1]))
    flagged, found = flagged[all_found:0:-1], found[all_found:0:-1]
    return float(flagged[np.argmin(np.abs(found - 0.95))])


DETECTION: dict[str, Callable[[ArrayLike, ArrayLike], float]] = {
    "auroc": auroc,
    "aupr": aupr,
    "fpr95": fpr95,
    "fpr95_reference": fpr95_reference,
}
"""Measures of detection by name; `_reference` is the form of the original code."""


def labelled(known: ArrayLike, anomalous: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels (1 = anomalous) and scores in one row, the known first, or InputError."""
    scores = []
    for name, values in (("in-distribution", known), ("out-of-distribution", anomalous)):
        array = np.asarray(values, np.float64)
        if array.ndim != 1 or len(array) == 0:
            raise InputError(f"{name} scores must be (N,) with N > 0, got {array.shape}; both kinds are needed")
        if not np.isfinite(array).all():
            raise InputError(f"{name} scores hold NaN or infinite values; the network has diverged")
        scores.append(array)
    return np.repeat([0, 1], [len(scores[0]), len(scores[1])]), np.concatenate(scores)
