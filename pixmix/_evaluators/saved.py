"""Measures of logits that were saved elsewhere, without the network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError

from ..measures._inputs import row_sum
from ..readers._outliers import BENCHMARK
from ..readers._problems import warn_once
from .outliers import SYNTHETIC
from .standard import all_calibration_of, are_log_probabilities, detections, error_of

_HELD_OUT = "held_out_logits"
SUITES = ("clean", "calibration", "anomalies")
"""The suites that logits of the test images suffice for."""


@dataclass(frozen=True, kw_only=True)
class SavedLogits:
    """The logits of a file, and the suites that are measured on them."""

    path: Path
    suites: Sequence[str]
    logits: np.ndarray
    """(N, classes)."""
    labels: np.ndarray
    """(N,)."""
    held_out: tuple[np.ndarray, np.ndarray] | None
    """Logits and labels of other images, on which a temperature is fitted."""
    outliers: Mapping[str, np.ndarray]
    """Out-of-distribution set → (M, classes)."""

    def measure(self, *, seed: int = 0) -> dict[str, Any]:
        """`{suite: {measure: {"value": ..., "n": ...}}}`; `seed` is that of the intervals."""
        measured: dict[str, Any] = {}
        with _naming(self.path):
            for name in self.suites:
                if name == "clean":
                    measured[name] = {"error": error_of(self.logits, self.labels)}
                elif name == "calibration":
                    measured[name] = all_calibration_of(self.logits, self.labels, seed, self.held_out)
                else:
                    absent = [name for name in (*SYNTHETIC, *BENCHMARK) if name not in self.outliers]
                    about = {"sets": list(self.outliers), "absent": absent}
                    measured[name] = dict(detections(self.logits, dict(self.outliers), about, seed))
        return measured


def read_logits(
    path: str | os.PathLike[str], suite: str | Sequence[str], *, probabilities: bool = False
) -> SavedLogits:
    """The logits in an .npz file.

    Log-probabilities are logits. Of probabilities the logarithm is taken; neither have an energy.

    Args:
        path: holds `logits` (N, classes), floats, and `labels` (N,), whole numbers; for "anomalies" also `ood_NAME`
            (M, classes) for each out-of-distribution set, of which all images count; with `held_out_logits` and
            `held_out_labels` of images neither trained nor measured on, "calibration" is measured after temperature
            scaling, too.
        suite: names out of `SUITES`.
        probabilities: the file holds the softmax of logits, each row at least 0 and with the sum 1.

    Raises:
        InputError: no such file or arrays, probabilities in place of logits or the other way round, or a suite that
            needs the network.
    """
    names = [suite] if isinstance(suite, str) else list(suite)
    for name in names:
        if name not in SUITES:
            raise InputError(f"suite {name}: needs the network; of saved logits there are {', '.join(SUITES)}")
    arrays = read_archive(Path(path), str(path), "give an .npz file with logits and labels")
    with _naming(path):
        for part in ("logits", "labels"):
            if part not in arrays:
                raise InputError(f"holds no array {part!r}; it has {', '.join(arrays) or 'none'}")
        _check_labels(arrays["labels"], arrays["logits"])
        logits = {name: _logits(name, array, probabilities) for name, array in arrays.items() if _is_logits(name)}
        held_out = _held_out(arrays, logits)
        if "anomalies" in names:
            _check_outliers(logits)
    outliers = {name.removeprefix("ood_"): array for name, array in logits.items() if name.startswith("ood_")}
    return SavedLogits(
        path=Path(path),
        suites=names,
        logits=logits["logits"],
        labels=arrays["labels"],
        held_out=held_out,
        outliers=outliers,
    )


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the file's name before an error."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _held_out(
    arrays: Mapping[str, np.ndarray], logits: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """The held-out logits and labels, where the file has them."""
    there = [name for name in (_HELD_OUT, "held_out_labels") if name in arrays]
    if not there:
        return None
    if len(there) == 1:
        raise InputError(f"holds {there[0]} alone; give {_HELD_OUT} and held_out_labels, or neither")
    _check_labels(arrays["held_out_labels"], logits[_HELD_OUT])
    return logits[_HELD_OUT], arrays["held_out_labels"]


def _check_outliers(arrays: Mapping[str, np.ndarray]) -> None:
    outliers = {name: array for name, array in arrays.items() if name.startswith("ood_")}
    if not outliers:
        raise InputError("anomalies need arrays ood_NAME (M, classes), one for each out-of-distribution set")
    classes = arrays["logits"].shape[1:]
    if other := [name for name, array in outliers.items() if array.shape[1:] != classes]:
        raise InputError(f"{other[0]} holds {outliers[other[0]].shape}, needed are (M, classes) like the logits")
    of_logs = [name for name, array in arrays.items() if are_log_probabilities(array)]
    if other := [name for name in arrays if of_logs and name not in of_logs]:
        raise InputError(f"{of_logs[0]} holds log-probabilities, {other[0]} logits; give all arrays in one form")


def _is_logits(name: str) -> bool:
    return name in ("logits", _HELD_OUT) or name.startswith("ood_")


def _logits(name: str, array: np.ndarray, probabilities: bool) -> np.ndarray:
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


def _check_labels(labels: np.ndarray, logits: np.ndarray) -> None:
    """InputError with the remedy for what people keep in place of (N,) class numbers, or beside (classes, N) logits."""
    form = f"labels holds {labels.dtype} {labels.shape}, needed are (N,) whole numbers"
    if labels.ndim == 2 and labels.shape == logits.shape:
        raise InputError(f"{form}: of one-hot rows give labels.argmax(1)")
    if labels.ndim == 2 and 1 in labels.shape:
        raise InputError(f"{form}: give labels.ravel()")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(f"{form}" + (": give labels.astype(int)" if labels.dtype.kind == "f" else ""))
    if logits.ndim == 2 and len(logits) != len(labels) == logits.shape[1]:
        raise InputError(f"logits holds {logits.shape} beside {len(labels):,} labels: give logits.T, (N, classes)")
