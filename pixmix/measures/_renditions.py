"""ImageNet-R: evaluating a classifier of 1,000 classes on the 200 that have renditions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._cuts import cut
from ._inputs import check_logits
from ._references import constants


def imagenet_r_classes() -> np.ndarray:
    """The indices of ImageNet-R's classes among ImageNet's 1,000, (200,) int64, ascending.

    Example:
        >>> from pixmix import measures
        >>> measures.imagenet_r_classes()[:5]
        array([1, 2, 4, 6, 8])
    """
    return np.array(constants("imagenet_r")["indices"], np.int64)


def imagenet_r_logits(logits: ArrayLike) -> np.ndarray:
    """Select the logits of ImageNet-R's 200 classes, so that errors and confidences are those of a 200-way softmax.

    Args:
        logits: (N, 1000), or (N, 200) from a network trained on these classes, which are returned unchanged.

    Returns:
        (N, 200), in the order of the WordNet ids, like the labels of ImageNet-R's folders.

    Raises:
        InputError: the number of classes is neither 1,000 nor 200.

    Example:
        >>> import numpy as np
        >>> from pixmix import measures
        >>> measures.imagenet_r_logits(np.zeros((2, 1000))).shape
        (2, 200)
    """
    checked = check_logits(logits)
    if checked.shape[1] == 200:
        return checked
    if checked.shape[1] != 1000:
        raise InputError(f"ImageNet-R: logits of 1,000 classes (or of its 200) are needed, got {checked.shape[1]}")
    return cut(checked, imagenet_r_classes())
