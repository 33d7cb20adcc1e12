"""Measures of logits that were saved elsewhere, without the network."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mixset.errors import InputError

from ..outliers import SYNTHETIC
from ..readers.outliers import BENCHMARK
from .evaluation import Metrics
from .standard import calibration_of, detections, error_of, reliability_of

SUITES = ("clean", "calibration", "anomalies")
"""The suites that logits of the test pictures suffice for."""


def evaluate_logits(path: str | os.PathLike[str], suite: str | Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """`{suite: {measure: {"value": ..., "n": ...}}}` of an .npz file of logits.

    Args:
        path: holds `logits` (N, classes) and `labels` (N,); for "anomalies" also `ood_NAME` (M, classes) for each
            out-of-distribution set, of which all pictures count.
        suite: names out of `SUITES`.
        seed: of the intervals.

    Raises:
        InputError: no such file or arrays, or a suite that needs the network.
    """
    names = [suite] if isinstance(suite, str) else list(suite)
    for name in names:
        if name not in SUITES:
            raise InputError(f"suite {name}: needs the network; of saved logits there are {', '.join(SUITES)}")
    arrays = _read(path)
    try:
        return _measured(names, arrays, seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _measured(names: Sequence[str], arrays: dict[str, np.ndarray], seed: int) -> dict[str, Any]:
    for part in ("logits", "labels"):
        if part not in arrays:
            raise InputError(f"holds no array {part!r}; it has {', '.join(arrays) or 'none'}")
    logits, labels = arrays["logits"], arrays["labels"]
    found: dict[str, Any] = {}
    for name in names:
        if name == "clean":
            found[name] = {"error": error_of(logits, labels)}
        elif name == "calibration":
            found[name] = {**calibration_of(logits, labels, seed), "reliability": reliability_of(logits, labels)}
        else:
            found[name] = dict(_anomalies(arrays, seed))
    return found


def _anomalies(arrays: dict[str, np.ndarray], seed: int) -> Metrics:
    outliers = {name.removeprefix("ood_"): array for name, array in arrays.items() if name.startswith("ood_")}
    if not outliers:
        raise InputError("anomalies need arrays ood_NAME (M, classes), one for each out-of-distribution set")
    classes = arrays["logits"].shape[1:]
    if other := [name for name, array in outliers.items() if array.shape[1:] != classes]:
        raise InputError(f"ood_{other[0]} holds {outliers[other[0]].shape}, needed are (M, classes) like the logits")
    absent = [name for name in (*SYNTHETIC, *BENCHMARK) if name not in outliers]
    return detections(arrays["logits"], outliers, {"sets": list(outliers), "absent": absent}, seed)


def _read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.ndarray):
            raise InputError(f"{path}: is one array; an .npz file with logits and labels is needed")
        with opened as file:
            return {name: file[name] for name in file.files}
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, SyntaxError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cut short or no .npz file ({reason})") from None
