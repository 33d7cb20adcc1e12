"""Sets of 200 of ImageNet's classes: choosing their logits among a network's 1,000."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._inputs import check_logits
from ._references import constants

IMAGENET_CLASSES = 1000


def imagenet_a_classes() -> np.ndarray:
    """The indices of ImageNet-A's classes among ImageNet's 1,000, (200,) int64, ascending; 86 are ImageNet-R's, too.

    Example:
        >>> from pixmix import measures
        >>> measures.imagenet_a_classes()[:5]
        array([ 6, 11, 13, 15, 17])
    """
    return np.array(constants("imagenet_a")["indices"], np.int64)


def imagenet_o_classes() -> np.ndarray:
    """The indices of the classes that ImageNet-O is told from among ImageNet's 1,000, (200,) int64, ascending.

    Example:
        >>> from pixmix import measures
        >>> measures.imagenet_o_classes()[:5]
        array([ 1, 51, 70, 79, 89])
    """
    return np.array(constants("imagenet_o")["indices"], np.int64)


def cut(logits: ArrayLike, classes: Sequence[int] | np.ndarray) -> np.ndarray:
    """Select the logits of some of ImageNet's classes, so that answers and confidences are those among these alone.

    Args:
        logits: (N, 1000).
        classes: the indices of C classes, for example `imagenet_a_classes()`.

    Returns:
        (N, C), in the order of `classes`.

    Raises:
        InputError: the logits are not of 1,000 classes, or an index is none of theirs.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> measures.cut(np.arange(1000.0)[None], [6, 11])
        array([[ 6., 11.]])
    """
    checked = check_logits(logits)
    if checked.shape[1] != IMAGENET_CLASSES:
        raise InputError(f"logits of ImageNet's 1,000 classes are needed, got {checked.shape[1]:,}")
    indices = np.asarray(classes)
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or not len(indices):
        raise InputError(f"classes: indices of classes are needed, got {indices.dtype} {indices.shape}")
    if indices.min() < 0 or indices.max() >= IMAGENET_CLASSES:
        raise InputError(f"classes: indices from 0 to 999 are needed, got {indices.min()} to {indices.max()}")
    return checked[:, indices]
