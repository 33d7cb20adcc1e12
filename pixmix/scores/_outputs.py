"""What scores are computed from: a network's outputs, its last layer, and the checks of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mixset._common.errors import InputError

from ..measures._inputs import check_labels, check_logits

_VALUES = 1 << 21
"""Values of a block in float64: 16 MB."""


class Head(NamedTuple):
    """The last layer of a network: logits = features @ weight.T + bias."""

    weight: np.ndarray
    """(classes, D)."""
    bias: np.ndarray
    """(classes,)."""


Moved = Callable[[float, float], np.ndarray]
"""From ODIN's temperature and the length of its step to (N, classes) logits; asks the network itself."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a network makes of some images."""

    logits: np.ndarray
    """(N, classes)."""
    features: np.ndarray | None = None
    """What the last layer takes, (N, D), after pooling; float16 or wider."""
    labels: np.ndarray | None = None
    """(N,) class numbers, where they are known."""
    turned: np.ndarray | None = None
    """What a rotation head says of the images turned by 0°, 90°, 180° and 270°, (4, N, 4) logits."""
    moved: Moved | None = None
    """The logits of the images after ODIN's step, made when they are asked for."""


def check_features(features: ArrayLike, what: str = "features") -> np.ndarray:
    """Return features as an array; raises InputError unless they are (N, D) finite numbers, both at least 1."""
    array = np.asarray(features)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise InputError(f"{what} must be numbers of shape (N, D), N > 0; got {array.dtype} {array.shape}")
    for start, block in blocks(array):
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise InputError(f"{what}: those of image {start + int(np.argmin(finite))} are not finite")
    return array


def check_activations(features: ArrayLike, what: str = "features") -> np.ndarray:
    """The same for scores that take features to be activations after a ReLU, at least 0."""
    array = check_features(features, what)
    if array.min() < 0:
        raise InputError(
            f"{what}: the least is {array.min():.3g}, but this score is for activations after a ReLU, at least 0; "
            "networks that end otherwise, such as vision transformers, need another score"
        )
    return array


def check_head(head: Head, features: np.ndarray) -> Head:
    """Return the head in float64; raises InputError unless it is finite and takes these features."""
    weight, bias = check_features(head.weight, "weight"), np.asarray(head.bias)
    if bias.shape != weight.shape[:1] or bias.dtype.kind not in "fiu" or not np.isfinite(bias).all():
        raise InputError(
            f"bias must be {len(weight)} finite numbers, one for each class, got {bias.dtype} {bias.shape}"
        )
    check_width(features, weight.shape[1], "weight")
    return Head(weight.astype(np.float64), bias.astype(np.float64))


def check_width(features: np.ndarray, width: int, what: str) -> None:
    """InputError unless the features of an image are `width` values, like those of `what`."""
    if features.shape[1] != width:
        raise InputError(f"features: {features.shape[1]} values for each image, but {what} is for {width}")


def check_pair(logits: ArrayLike, features: ArrayLike, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits and features of the same images, checked; `classes` is the number of the statistics or the head."""
    checked, array = check_logits(logits), check_features(features)
    if len(checked) != len(array):
        raise InputError(f"there are logits of {len(checked):,} images and features of {len(array):,}")
    if checked.shape[1] != classes:
        raise InputError(f"logits are of {checked.shape[1]} classes, but there are weights or means of {classes}")
    return checked, array


def check_classes(features: np.ndarray, labels: ArrayLike, classes: int) -> np.ndarray:
    """Return labels as (N,) int64; raises InputError unless they match the features and no class is empty."""
    checked = check_labels(labels, np.broadcast_to(np.float64(0), (len(features), classes)))
    empty = np.flatnonzero(np.bincount(checked, minlength=classes) == 0)
    if len(empty):
        raise InputError(f"class {empty[0]} has no image ({len(empty)} of {classes} have none); each class needs some")
    return checked


def blocks(array: np.ndarray, width: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """The first row of each block of rows, and the block in float64.

    Args:
        array: (N, D).
        width: values that are made of a row, if more than D.
    """
    rows = max(_VALUES // max(array.shape[1], width), 1)
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows].astype(np.float64)


def by_block(function: Callable[[np.ndarray], np.ndarray], array: np.ndarray, width: int = 0) -> np.ndarray:
    """A function of rows, applied block by block: (N,) float64."""
    return np.concatenate([function(block) for _, block in blocks(array, width)])


def logits_of(features: ArrayLike, head: Head) -> np.ndarray:
    """What the last layer makes of features, (N, classes) float64.

    Args:
        features: (N, D) finite numbers.
        head: the last layer.

    Raises:
        InputError: features or a head that are not finite, or of different widths.

    Example:
        >>> import numpy as np
        >>> from pixmix import scores
        >>> scores.logits_of([[1.0, 2.0]], scores.Head(np.eye(2), np.array([0.0, 1.0])))
        array([[1., 3.]])
    """
    array = check_features(features)
    weight, bias = check_head(head, array)
    return np.concatenate([block @ weight.T + bias for _, block in blocks(array, len(weight))])


def unit(block: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(block, axis=1, keepdims=True)
    return block / np.where(lengths == 0, 1, lengths)
