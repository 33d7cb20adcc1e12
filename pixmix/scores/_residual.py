"""ViM: how far features leave the space that training features vary in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from mixset._common.errors import InputError

from ..measures._inputs import check_logits
from ._outputs import Head, blocks, by_block, check_features, check_head, check_pair, check_width
from ._ranges import check_dimension


class Residual(NamedTuple):
    """The directions that training features hardly vary in, for `vim`."""

    origin: np.ndarray
    """Where all logits would be 0, (D,) float64."""
    basis: np.ndarray
    """The directions, (D, D − d) float64, orthonormal."""
    alpha: float
    """The mean of the largest training logits over the mean length of the residuals."""


def vim_residual(features: ArrayLike, head: Head, *, dimension: int = 256) -> Residual:
    """The residual space of training features for `vim`: all but their `dimension` principal directions.

    Args:
        features: (N, D) of training images.
        head: the last layer.
        dimension: d, from 1 to D − 1.

    Raises:
        InputError: arrays that do not fit together, d not below D, or features without a residual.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> head = scores.Head(np.array([[1.0, 0.0]]), np.zeros(1))
        >>> scores.vim_residual([[3.0, 1.0], [3.0, -1.0]], head, dimension=1).alpha
        3.0
    """
    array = check_features(features, "training features")
    weight, bias = check_head(head, array)
    width = array.shape[1]
    check_dimension(dimension, width)
    origin, moment = -np.linalg.pinv(weight) @ bias, np.zeros((width, width))
    for _, block in blocks(array):
        block -= origin
        moment += block.T @ block
    basis = np.linalg.eigh(moment / len(array))[1][:, : width - dimension]
    lengths = by_block(lambda block: np.linalg.norm((block - origin) @ basis, axis=1), array)
    largest = by_block(lambda block: (block @ weight.T + bias).max(axis=1), array, len(weight))
    if not lengths.mean() > 1e-12 * np.sqrt(np.trace(moment) / len(array)):
        raise InputError(f"training features vary in no more than {dimension} directions; give a lower `dimension`")
    return Residual(origin, basis, float(largest.mean() / lengths.mean()))


def vim(logits: ArrayLike, features: ArrayLike, residual: Residual) -> np.ndarray:
    """Anomaly score: the length in the residual space, scaled like a logit, plus the energy (Wang et al., 2022).

    Args:
        logits: (N, classes) finite numbers.
        features: (N, D), of the same images.
        residual: from `vim_residual` of the training images.

    Returns:
        (N,) float64.

    Raises:
        InputError: arrays that are not finite or do not fit together.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> head = scores.Head(np.array([[1.0, 0.0]]), np.zeros(1))
        >>> residual = scores.vim_residual([[3.0, 1.0], [3.0, -1.0]], head, dimension=1)
        >>> scores.vim([[3.0]], [[3.0, 2.0]], residual)
        array([3.])
    """
    checked = check_logits(logits)
    checked, array = check_pair(checked, features, checked.shape[1])
    check_width(array, len(residual.origin), "the residual space")
    lengths = by_block(lambda block: np.linalg.norm((block - residual.origin) @ residual.basis, axis=1), array)
    return residual.alpha * lengths - by_block(lambda block: logsumexp(block, axis=1), checked)
