"""ImageNet-R: a classifier of 1,000 classes judged on the 200 that have renditions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ._inputs import check_logits
from ._references import constants


def imagenet_r_classes() -> np.ndarray:
    """(200,) int64: where ImageNet-R's classes are among ImageNet's 1,000, ascending."""
    return np.array(constants("imagenet_r")["indices"], np.int64)


def imagenet_r_logits(logits: ArrayLike) -> np.ndarray:
    """The 200 columns of ImageNet-R out of 1,000: (N, 200), in the order of wnids, as the labels of its folders are.

    Error and confidence of these logits are those of a 200-way softmax. Logits of 200 classes are given back as they
    are: a network trained on these classes alone.

    Raises:
        InputError: neither 1,000 classes nor 200.
    """
    checked = check_logits(logits)
    if checked.shape[1] == 200:
        return checked
    if checked.shape[1] != 1000:
        raise InputError(f"ImageNet-R: logits of 1,000 classes (or of its 200) are needed, got {checked.shape[1]}")
    return checked[:, imagenet_r_classes()]
