"""The parts of a file of saved logits: each part's logits, labels and features, and the last layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mixset._common.errors import InputError

from ..measures._inputs import row_sum
from ..readers._problems import warn_once
from ..scores import Head, Outputs, logits_of
from ..scores._outputs import check_features, check_head

OUTLIERS = "ood_"
BESIDE = ("held_out", "train", "tuning")
"""Images beside those that are measured: PART_logits, PART_labels."""
_ROWS = 100
"""Rows on which the last layer is compared with the logits."""


class Parts(NamedTuple):
    """What a file holds."""

    test: Outputs
    outliers: dict[str, Outputs]
    """Set → its outputs."""
    held_out: Outputs | None
    train: Outputs | None
    tuning: Outputs | None
    head: Head | None


def read_parts(arrays: Mapping[str, np.ndarray], *, probabilities: bool) -> Parts:
    """The parts in the arrays of a file.

    Args:
        arrays: by name, as `read_logits` describes them.
        probabilities: in place of logits.

    Raises:
        InputError: arrays of other shapes or kinds, or that do not belong together.
    """
    for part in ("logits", "labels"):
        if part not in arrays:
            raise InputError(f"holds no array {part!r}; it has {', '.join(arrays) or 'none'}")
    check_labels("labels", arrays["labels"], "logits", arrays["logits"])
    logits = {name: as_logits(name, array, probabilities) for name, array in arrays.items() if _is_logits(name)}
    head = _head(arrays)
    test = Outputs(
        logits=logits["logits"],
        labels=arrays["labels"],
        features=_features(arrays, "features", len(logits["logits"])),
    )
    beside = {part: _beside(arrays, logits, part, head) for part in BESIDE}
    outliers = {
        name.removeprefix(OUTLIERS): Outputs(logits=own, features=_features(arrays, f"features_{name}", len(own)))
        for name, own in logits.items()
        if name.startswith(OUTLIERS)
    }
    _check_together(test, {**{f"{OUTLIERS}{name}": each for name, each in outliers.items()}, **beside}, head)
    return Parts(test, outliers, beside["held_out"], beside["train"], beside["tuning"], head)


def _is_logits(name: str) -> bool:
    return name == "logits" or name.startswith(OUTLIERS) or name in {f"{part}_logits" for part in BESIDE}


def _head(arrays: Mapping[str, np.ndarray]) -> Head | None:
    there = [name for name in ("weight", "bias") if name in arrays]
    if len(there) == 1:
        raise InputError(f"holds {there[0]} alone; give weight and bias of the last layer, or neither")
    return Head(arrays["weight"], arrays["bias"]) if there else None


def _beside(
    arrays: Mapping[str, np.ndarray], logits: Mapping[str, np.ndarray], part: str, head: Head | None
) -> Outputs | None:
    """Outputs of images beside those that are measured, where the file has any.

    Logits of the training images may be left out, being the largest array of all: the last layer makes them.
    """
    keys = {kind: f"{part}_{kind}" for kind in ("logits", "labels")} | {"features": f"features_{part}"}
    there = [key for key in keys.values() if key in arrays]
    if not there:
        return None
    own = logits.get(keys["logits"])
    if own is None and head is not None and keys["features"] in arrays:
        own = logits_of(arrays[keys["features"]], head)
    labels = arrays.get(keys["labels"])
    if own is None or (labels is None and part != "tuning"):
        both = keys["logits"] if part == "tuning" else f"{keys['logits']} and {keys['labels']}"
        raise InputError(f"holds {there[0]} alone; give {both}, or neither")
    if labels is not None:
        check_labels(keys["labels"], labels, keys["logits"], own)
    return Outputs(logits=own, labels=labels, features=_features(arrays, keys["features"], len(own)))


def _features(arrays: Mapping[str, np.ndarray], key: str, count: int) -> np.ndarray | None:
    """The features of `count` images, where the file has them."""
    if key not in arrays:
        return None
    features = check_features(arrays[key], key)
    if len(features) != count:
        raise InputError(f"{key} holds {features.shape}, but there are logits of {count:,} images")
    return features


def _check_together(test: Outputs, others: Mapping[str, Outputs | None], head: Head | None) -> None:
    """InputError where features are of several widths, or the last layer does not make the logits of them."""
    for name, outputs in others.items():
        if outputs is None:
            continue
        if outputs.features is not None and test.features is not None:
            width, other = test.features.shape[1], outputs.features.shape[1]
            if width != other:
                raise InputError(f"features_{name} has {other} values for an image, features has {width}")
    if head is None or test.features is None:
        return
    weight, bias = check_head(head, test.features)
    if len(weight) != test.logits.shape[1]:
        raise InputError(f"weight holds {weight.shape}, but the logits are of {test.logits.shape[1]} classes")
    made = test.features[:_ROWS].astype(np.float64) @ weight.T + bias
    # Those of probabilities are known but for a constant in each row.
    given, made = (rows - rows.mean(axis=1, keepdims=True) for rows in (test.logits[:_ROWS].astype(np.float64), made))
    if np.abs(given - made).max() > 0.1 * np.abs(given).max():
        raise InputError("weight and bias do not make the logits of the features; give those of the same network")


def as_logits(name: str, array: np.ndarray, probabilities: bool) -> np.ndarray:
    """The logits that an array holds, or that its probabilities are the softmax of."""
    if array.ndim != 2 or array.dtype.kind != "f" or not array.shape[1]:
        raise InputError(f"{name} holds {array.dtype} {array.shape}, needed are floats (N, classes)")
    if not len(array):
        raise InputError(f"{name} holds {array.shape}: no image")
    if array.shape[1] == 1:
        raise InputError(f"{name} holds {array.shape}: one class; of two classes give a column each")
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


def check_labels(name: str, labels: np.ndarray, of: str, logits: np.ndarray) -> None:
    """InputError with the remedy for what people keep in place of (N,) class numbers, or beside (classes, N) logits."""
    form = f"{name} holds {labels.dtype} {labels.shape}, needed are (N,) whole numbers"
    if labels.ndim == 2 and labels.shape == logits.shape:
        raise InputError(f"{form}: of one-hot rows give {name}.argmax(1)")
    if labels.ndim == 2 and 1 in labels.shape:
        raise InputError(f"{form}: give {name}.ravel()")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{form}" + (f": give {name}.astype(int)" if labels.dtype.kind == "f" else ""))
    if logits.ndim == 2 and len(logits) != len(labels) == logits.shape[1]:
        raise InputError(f"{of} holds {logits.shape} beside {len(labels):,} labels: give {of}.T, (N, classes)")
