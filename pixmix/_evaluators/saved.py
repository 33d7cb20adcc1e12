"""Measures of logits that were saved elsewhere, without the network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixset._common.arrays import read_archive
from mixset._common.errors import InputError

from ..readers._outliers import BENCHMARK
from ..scores import Material, ScoreSettings, find_score
from .detections import are_log_probabilities, detections
from .outliers import SYNTHETIC
from .saved_openood import SavedBenchmark, find_benchmark, saved_openood
from .saved_parts import BESIDE, Parts, read_parts
from .scoring import logits_and_labels, prepare
from .standard import all_calibration_of, error_of
from .temperatures import HeldOut, fit_on
from .trying import check_fit

SUITES = ("clean", "calibration", "anomalies", "openood")
"""The suites that logits of the test images suffice for."""


@dataclass(frozen=True, kw_only=True)
class SavedLogits:
    """The logits of a file, and the suites that are measured on them."""

    path: Path
    suites: Sequence[str]
    parts: Parts
    split: bool
    """Whether halves of the images are held out for each other."""
    scores: ScoreSettings
    benchmark: SavedBenchmark | None
    """Which of OpenOOD's it is of, where the suite openood is measured."""

    def measure(self, *, seed: int = 0) -> dict[str, Any]:
        """`{suite: {measure: {"value": ..., "n": ...}}}`; `seed` is that of the intervals and of what scores draw."""
        measured: dict[str, Any] = {}
        logits, labels = logits_and_labels(self.parts.test)
        with _naming(self.path):
            for name in self.suites:
                if name == "clean":
                    measured[name] = {"error": error_of(logits, labels)}
                elif name == "calibration":
                    measured[name] = all_calibration_of(logits, labels, seed, self._held_out())
                else:
                    measured[name] = self._scored(name, seed)
        return measured

    def _held_out(self) -> HeldOut | None:
        if self.parts.held_out is None:
            return "split" if self.split else None
        fitted = fit_on(*logits_and_labels(self.parts.held_out))
        fitted.check(self.parts.test.logits)
        return fitted

    def _scored(self, suite: str, seed: int) -> dict[str, Any]:
        parts = self.parts
        material = Material(training=parts.train, validation=parts.held_out, head=parts.head, seed=seed)
        scores = prepare(self.scores, material, parts.tuning)
        if suite == "openood":
            assert self.benchmark is not None, "read_logits found it"
            return saved_openood(parts, self.benchmark, scores, seed)
        absent = [name for name in (*SYNTHETIC, *BENCHMARK) if name not in parts.outliers]
        about = {"sets": list(parts.outliers), "absent": absent}
        return dict(detections(parts.test, parts.outliers, about, seed, scores))


def read_logits(
    path: str | os.PathLike[str],
    suite: str | Sequence[str],
    *,
    probabilities: bool = False,
    split: bool = False,
    scores: ScoreSettings | None = None,
    partial: bool = False,
) -> SavedLogits:
    """The logits in an .npz file.

    Log-probabilities are logits. Of probabilities the logarithm is taken; neither have an energy.

    Args:
        path: holds `logits` (N, classes), floats, and `labels` (N,), whole numbers; for "anomalies" and "openood" also
            `ood_NAME` (M, classes) for each out-of-distribution set, of which all images count; with `held_out_logits`
            and `held_out_labels` of images neither trained nor measured on, "calibration" is measured after temperature
            scaling, too. For scores that need them: `features` (N, D), `features_ood_NAME`, `features_held_out` and
            `features_train` with `train_labels`; `weight` (classes, D) and `bias` (classes,) of the last layer;
            `train_logits`, if they are not what the last layer makes of the features; and `tuning_logits` and
            `features_tuning` of outliers that are not measured.
        suite: names out of `SUITES`.
        probabilities: the file holds the softmax of logits, each row at least 0 and with the sum 1.
        split: in place of held-out images: halves of the images are held out for each other, for the temperature.
        scores: the anomaly scores; by default MSP, the largest logit and the energy.
        partial: of "openood": take what there is of its benchmark's sets and say so, in place of refusing it.

    Raises:
        InputError: no such file or arrays, probabilities in place of logits or the other way round, or a suite that
            needs the network, or a score that needs what the file has not.
    """
    names = [suite] if isinstance(suite, str) else list(suite)
    for name in names:
        if name not in SUITES:
            raise InputError(f"suite {name}: needs the network; of saved logits there are {', '.join(SUITES)}")
    arrays = read_archive(Path(path), str(path), "give an .npz file with logits and labels")
    settings = scores or ScoreSettings()
    with _naming(path):
        parts = read_parts(arrays, probabilities=probabilities)
        if split and parts.held_out is not None:
            raise InputError("holds held-out images, so the test images need not be split; leave `calibrate_on` out")
        benchmark = find_benchmark(parts, partial=partial) if "openood" in names else None
        if {"anomalies", "openood"} & {*names}:
            _check_outliers(parts)
            _check_scores(parts, settings)
            training, features = parts.train, parts.test.features
            check_fit(
                settings,
                None if training is None else len(training.logits),
                None if features is None else features.shape[1],
                tuned=parts.tuning is not None,
            )
    return SavedLogits(path=Path(path), suites=names, parts=parts, split=split, scores=settings, benchmark=benchmark)


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the file's name before an error."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _check_outliers(parts: Parts) -> None:
    if not parts.outliers:
        raise InputError("anomalies need arrays ood_NAME (M, classes), one for each out-of-distribution set")
    arrays = {"logits": parts.test.logits} | {f"ood_{name}": each.logits for name, each in parts.outliers.items()}
    arrays |= {f"{name}_logits": each.logits for name in BESIDE if (each := getattr(parts, name)) is not None}
    classes = arrays["logits"].shape[1:]
    if other := [name for name, array in arrays.items() if array.shape[1:] != classes]:
        raise InputError(f"{other[0]} holds {arrays[other[0]].shape}, needed are (M, classes) like the logits")
    of_logs = [name for name, array in arrays.items() if are_log_probabilities(array)]
    if other := [name for name in arrays if of_logs and name not in of_logs]:
        raise InputError(f"{of_logs[0]} holds log-probabilities, {other[0]} logits; give all arrays in one form")


def _check_scores(parts: Parts, settings: ScoreSettings) -> None:
    """InputError where a score needs what the file has not."""
    lacking = {"validation": "held_out_logits and held_out_labels", "training": "features_train and train_labels"}
    lacking |= {"head": "weight and bias", "features": "features, and features_ood_NAME for each set"}
    there = {"validation": parts.held_out, "training": parts.train, "head": parts.head}
    measured = [parts.test, *parts.outliers.values()]
    for name in settings.names:
        for need in find_score(name).needs:
            if need == "moved":
                raise InputError(f"score {name}: needs the network, whose gradients say where images are moved to")
            if need == "turned":
                raise InputError(f"score {name}: needs the network, to which images are shown turned")
            if need == "features":
                absent = any(outputs.features is None for outputs in measured)
            else:
                absent = there[need] is None
            if absent:
                raise InputError(f"score {name}: needs the arrays {lacking[need]}")
    if parts.tuning is not None and parts.held_out is None:
        raise InputError("tuning_logits: outliers are told from held-out images; give held_out_logits and _labels, too")
