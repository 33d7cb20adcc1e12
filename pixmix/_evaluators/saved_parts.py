"""The parts of a file of saved logits: each part's logits, labels and features, and the last layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mixset._common.errors import InputError

from ..readers._problems import listed, warn_once
from ..scores import Head, Outputs, logits_of
from ..scores._outputs import check_head
from .saved_arrays import as_logits, check_classes, check_labels, read_features, read_head

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
    _check_names(arrays)
    labels = arrays["labels"]
    check_labels("labels", labels, "logits", arrays["logits"])
    logits = {name: as_logits(name, array, probabilities) for name, array in arrays.items() if _is_logits(name)}
    check_classes("labels", labels, logits["logits"].shape[1])
    head = read_head(arrays)
    test = Outputs(
        logits=logits["logits"],
        labels=labels,
        features=read_features(arrays, "features", len(logits["logits"])),
    )
    beside = {part: _beside(arrays, logits, part, head) for part in BESIDE}
    outliers = {
        name.removeprefix(OUTLIERS): Outputs(logits=own, features=read_features(arrays, f"features_{name}", len(own)))
        for name, own in logits.items()
        if name.startswith(OUTLIERS)
    }
    _check_together(test, {**{f"{OUTLIERS}{name}": each for name, each in outliers.items()}, **beside}, head)
    return Parts(test, outliers, beside["held_out"], beside["train"], beside["tuning"], head)


def _check_names(arrays: Mapping[str, np.ndarray]) -> None:
    """Name the arrays that nothing is made of: a misspelt one would go without a word, and what it is for with it."""
    if OUTLIERS in arrays:
        raise InputError(f"{OUTLIERS}: has no name; call the array {OUTLIERS}NAME, after its outlier set")
    used = {"logits", "labels", "features", "weight", "bias", "key"}  # an evaluation's own files have a key
    for part in BESIDE:
        used |= {f"{part}_logits", f"{part}_labels", f"features_{part}"}
    for name in arrays:
        if name.startswith(OUTLIERS):
            used |= {name, f"features_{name}"}
    if unused := [name for name in arrays if name not in used]:
        warn_once(f"arrays of unknown names are not used: {listed(unused)}; docs/measures.md has the names")


def _is_logits(name: str) -> bool:
    return name == "logits" or name.startswith(OUTLIERS) or name in {f"{part}_logits" for part in BESIDE}


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
    own, labels = logits.get(keys["logits"]), arrays.get(keys["labels"])
    features = read_features(arrays, keys["features"], None if own is None else len(own))
    of = keys["logits"]
    if own is None:
        if features is None:
            raise InputError(f"holds {there[0]} alone; give {keys['logits']}, too, or leave it out")
        if head is None:
            raise InputError(
                f"holds {keys['features']}, but not what the network makes of them: give weight and bias of the last "
                f"layer, or {keys['logits']}"
            )
        width = head.weight.shape[1]
        if features.shape[1] != width:
            raise InputError(f"{keys['features']} has {features.shape[1]} values for an image, weight is for {width}")
        own, of = logits_of(features, head), keys["features"]
    if labels is not None:
        check_labels(keys["labels"], labels, of, own)
        check_classes(keys["labels"], labels, own.shape[1])
    elif part != "tuning":
        raise InputError(f"holds {there[0]} without {keys['labels']}; give them, too, or leave it out")
    return Outputs(logits=own, labels=labels, features=features)


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
