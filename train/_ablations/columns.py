"""The columns of the paper's tables: where each value lies in `metrics.json`, and in which form the paper has it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._reports.measured import MEASURES, Measure, words


@dataclass(frozen=True)
class Column:
    """A measure as the paper's tables show it.

    The paper's numbers come from its code, so where that deviates from the paper's words (the last calibration bin,
    PGD's ball), the form of the code is taken: like is compared with like.
    """

    measure: Measure
    relative: tuple[str, ...] | None = None
    """Where the value relative to AlexNet's lies, which ImageNet's tables have; it is there for 1,000 classes."""
    over: tuple[str, ...] = ()
    """The outlier sets to average over, as far as they are there, where `metrics.json` has the mean of others."""

    @property
    def suite(self) -> str:
        """The suite that measures it."""
        return self.measure.path[0]

    def shown(self, measured: Sequence[dict[str, Any]]) -> Measure:
        """The measure that its values are of these runs: relative to AlexNet's where that is there for all of them."""
        if self.relative in MEASURES and all(map(self.comparable, measured)):
            return MEASURES[self.relative]
        return self.measure

    def value(self, metrics: dict[str, Any]) -> float | None:
        """In the units of the tables; None where it was not measured."""
        if self.over:
            each = [_finite(_entry(metrics, (self.suite, name, self.measure.path[-1]))) for name in self.over]
            known = [value for value in each if value is not None]
            return 100 * statistics.fmean(known) if known else None
        entry, factor = self._found(metrics)
        value = _finite(entry)
        return None if value is None else factor * value

    def interval(self, metrics: dict[str, Any]) -> tuple[float, float] | None:
        """The ends of the 95 % interval of the value, by the test images; None where it has none."""
        entry, factor = self._found(metrics)
        if self.over or _finite(entry) is None or "interval" not in entry:
            return None
        low, high = entry["interval"]
        return factor * low, factor * high

    def _found(self, metrics: dict[str, Any]) -> tuple[dict[str, Any], float]:
        """The entry that has the value, and what it is multiplied by in the units of the tables."""
        entry = _entry(metrics, self.measure.path)
        if self.relative is not None and len(self.relative) > 1:
            relative = _entry(metrics, self.relative)
            if _finite(relative) is not None:
                return relative, 100
        elif self.relative is not None and _finite(entry) is not None and self.comparable(metrics):
            return entry, 100 / _alexnets(self)
        return entry, 100 if self.measure.percent else 1

    def why(self, metrics: dict[str, Any]) -> str:
        """Why there is no value though its suite was measured; empty where there is one or no reason is given."""
        return _entry(metrics, self.measure.path).get("undefined", "")

    def comparable(self, metrics: dict[str, Any]) -> bool:
        """Whether the value is relative to AlexNet's wherever the paper's is."""
        form = f"{'mfr' if self.suite == 'p' else 'mce'}_alexnet"
        return self.relative is None or form in metrics.get(self.suite, {})


def _finite(entry: dict[str, Any]) -> float | None:
    value = entry.get("value", math.nan)
    return value if math.isfinite(value) else None


def _entry(metrics: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    part: Any = metrics
    for name in path:
        part = part.get(name, {}) if isinstance(part, dict) else {}
    return part if isinstance(part, dict) else {}


def _alexnets(column: Column) -> float:
    """AlexNet's error on a corruption, or its flip rate on a perturbation."""
    from pixmix import measures  # takes seconds, and the tables' shapes are wanted for --help

    name = column.measure.path[1]
    if column.suite == "p":
        return measures.alexnet_flip_probabilities()[name]
    return statistics.mean(measures.alexnet_errors()[name].values())


def _of(*path: str, relative: tuple[str, ...] | None = None) -> Column:
    return Column(MEASURES[path], relative)


CLEAN, PGD = _of("clean", "error"), _of("adversaries", "pgd_error_reference")
AUROC, AUPR = _of("anomalies", "mean", "auroc"), _of("anomalies", "mean", "aupr")
RMS = _of("calibration", "rms_reference")

C, C_BAR = _of("c", "mce"), _of("cbar", "mce")
MFR, MT5D = _of("p", "mfr"), _of("p", "mt5d")
RMS_C, RMS_C_BAR = (_of(suite, "rms_reference_by_corruption") for suite in ("c", "cbar"))
CIFAR = (CLEAN, C, C_BAR, MFR, MT5D, PGD, RMS, RMS_C, RMS_C_BAR, AUROC, AUPR)
"""The columns of Tables 2 to 4."""

IMAGENET_C = _of("c", "mce", relative=("c", "mce_alexnet"))
IMAGENET_P = (
    _of("p", "mfr", relative=("p", "mfr_alexnet")),
    _of("p", "mt5d", relative=("p", "mt5d_alexnet")),
)
IMAGENET = (
    *(CLEAN, IMAGENET_C, C_BAR, _of("r", "error"), *IMAGENET_P, RMS),
    *(_of(suite, "rms_reference_by_severity") for suite in ("c", "cbar")),
    *(_of("r", "rms_reference"), AUROC, AUPR),
)
"""The columns of Tables 5 to 7. The paper's code bins the images of ImageNet-C by corruption and severity."""


def _each(suite: str, names: str, relative: tuple[str, ...] | None = None) -> tuple[Column, ...]:
    return tuple(Column(Measure(words(name), (suite, name)), relative) for name in names.split())


FLIPS = _each(
    "p",
    "gaussian_noise shot_noise motion_blur zoom_blur snow brightness translate rotate tilt scale",
    relative=("each",),
)
"""The flip rates of Table 8."""
CORRUPTIONS = _each(
    "c",
    "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog "
    "brightness contrast elastic_transform pixelate jpeg_compression",
    relative=("each",),
)
"""The corruption errors of Table 11."""
BAR_CORRUPTIONS = _each(
    "cbar",
    "blue_noise_sample plasma_noise checkerboard_cutout cocentric_sine_waves single_frequency_greyscale "
    "brownish_noise perlin_noise sparkles inverse_sparkles caustic_refraction",
)
"""The errors of Table 12."""
OUTLIERS = ("gaussian", "rademacher", "blobs", "textures", "svhn", "imagenet", "places69")
"""Those of Table 9, one more than the six of which the other tables have the mean."""
DETECTIONS = tuple(
    Column(Measure(f"{name} {title}", ("anomalies", name, title.lower()), higher_is_better=True), over=over)
    for title in ("AUROC", "AUPR")
    for name, over in (*((name, ()) for name in OUTLIERS), ("mean", OUTLIERS))
)
"""The numbers of Table 9, each outlier set's and their mean."""
