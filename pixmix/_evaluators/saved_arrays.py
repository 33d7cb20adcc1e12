"""The arrays of a file of saved logits, each looked at by its name: its type, its shape, its rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mixset._common.errors import InputError

from ..measures._inputs import row_sum
from ..readers._problems import warn_once
from ..scores import Head

_AT_ONCE = 1 << 14
"""Rows that are looked at together."""


def as_logits(name: str, array: np.ndarray, probabilities: bool) -> np.ndarray:
    """The logits that an array holds, or that its probabilities are the softmax of."""
    if array.ndim != 2 or array.dtype.kind != "f" or not array.shape[1]:
        raise InputError(f"{name} holds {array.dtype} {array.shape}, needed are floats (N, classes)")
    if not len(array):
        raise InputError(f"{name} holds {array.shape}: no image")
    if array.shape[1] == 1:
        raise InputError(f"{name} holds {array.shape}: one class; of two classes give a column each")
    check_finite(name, array)
    total = row_sum(array)
    if total == 100:
        raise InputError(f"{name} holds probabilities in per cent (each row has the sum 100); divide it by 100")
    if probabilities and total is None:
        raise InputError(f"{name} holds no probabilities: each row must be at least 0 and have the sum 1")
    if total is not None and not probabilities:
        raise InputError(
            f"{name} holds probabilities (each row is at least 0 and has the sum 1), needed are logits; "
            "say so: `probabilities`"
        )
    if not probabilities and 0 <= array.min() <= array.max() <= 1:
        warn_once(f"{name}: all values lie in [0, 1], as those of a sigmoid do; they are measured as logits")
    # A probability may be 0 by rounding; in float64 the least number changes none of the others.
    return np.log(np.maximum(array.astype(np.float64), np.finfo(np.float64).tiny)) if probabilities else array


def check_labels(name: str, labels: np.ndarray, of: str, rows: np.ndarray) -> None:
    """InputError with the remedy for what people keep in place of (N,) class numbers, or beside (classes, N) logits.

    Args:
        name: of the labels.
        labels: what the file holds under this name.
        of: the array whose rows they are of.
        rows: this array.
    """
    form = f"{name} holds {labels.dtype} {labels.shape}, needed are (N,) whole numbers"
    if labels.ndim == 2 and labels.shape == rows.shape:
        raise InputError(f"{form}: of one-hot rows give {name}.argmax(1)")
    if labels.ndim == 2 and 1 in labels.shape:
        raise InputError(f"{form}: give {name}.ravel()")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{form}" + (f": give {name}.astype(int)" if labels.dtype.kind == "f" else ""))
    if rows.ndim == 2 and len(rows) != len(labels) == rows.shape[1]:
        raise InputError(f"{of} holds {rows.shape} beside {len(labels):,} labels: give {of}.T, (N, classes)")
    if rows.ndim == 2 and len(labels) != len(rows):
        raise InputError(f"{name} holds {len(labels):,} labels, {of} {len(rows):,} rows; give a label for each row")


def check_classes(name: str, labels: np.ndarray, classes: int) -> None:
    """InputError unless labels are numbers of the classes."""
    if labels.min() < 0 or labels.max() >= classes:
        raise InputError(
            f"{name} run from {labels.min()} to {labels.max()}, the logits have {classes} classes; number them from 0, "
            "in the order of the logits' columns"
        )


def read_features(arrays: Mapping[str, np.ndarray], key: str, count: int | None = None) -> np.ndarray | None:
    """The features of `count` images (of any number), where the file has them."""
    if key not in arrays:
        return None
    features = arrays[key]
    if features.ndim != 2 or 0 in features.shape or features.dtype.kind not in "fiu":
        raise InputError(f"{key} holds {features.dtype} {features.shape}, needed are numbers (N, D)")
    if count is not None and len(features) != count:
        raise InputError(f"{key} holds {features.shape}, but there are logits of {count:,} images; give a row for each")
    check_finite(key, features)
    return features


def read_head(arrays: Mapping[str, np.ndarray]) -> Head | None:
    """The last layer, where the file has it."""
    there = [name for name in ("weight", "bias") if name in arrays]
    if not there:
        return None
    if len(there) == 1:
        raise InputError(f"holds {there[0]} alone; give weight and bias of the last layer, or neither")
    weight, bias = arrays["weight"], arrays["bias"]
    if weight.ndim != 2 or 0 in weight.shape or weight.dtype.kind not in "fiu":
        raise InputError(f"weight holds {weight.dtype} {weight.shape}, needed are numbers (classes, D)")
    if bias.shape != weight.shape[:1] or bias.dtype.kind not in "fiu":
        raise InputError(f"bias holds {bias.dtype} {bias.shape}, needed are {len(weight)} numbers, one for each class")
    for name, array in {"weight": weight, "bias": bias[:, None]}.items():
        check_finite(name, array)
    return Head(weight, bias)


def check_finite(name: str, array: np.ndarray) -> None:
    """InputError with the first row, counted from 0, of an (N, D) array of numbers that are not all finite."""
    starts = range(0, len(array), _AT_ONCE)
    bad = np.concatenate([~np.isfinite(array[start : start + _AT_ONCE]).all(axis=1) for start in starts])
    if bad.any():
        raise InputError(
            f"{name}: {bad.sum():,} of {len(array):,} rows are not finite, the first is row {bad.argmax()} (from 0); "
            "make the array again, or leave these images out of all arrays that have them"
        )
