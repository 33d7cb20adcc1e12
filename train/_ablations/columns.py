"""The columns of the paper's tables: where each value lies in `metrics.json`, and in which form the paper has it."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measure:
    """A column: a value of `metrics.json` as the paper's tables show it.

    The paper's numbers come from its code, so where that deviates from the paper's words (the last calibration bin,
    PGD's ball), the form of the code is taken: like is compared with like.
    """

    title: str
    path: tuple[str, ...]
    group: str = ""
    higher_is_better: bool = False
    percent: bool = True
    relative: tuple[str, ...] | None = None
    """Where the value relative to AlexNet's lies, which ImageNet's tables have; it is there for 1,000 classes."""
    over: tuple[str, ...] = ()
    """The outlier sets whose mean it is, those of them that are there, where `metrics.json` has that of others."""

    @property
    def suite(self) -> str:
        """The suite that measures it."""
        return self.path[0]

    @property
    def heading(self) -> str:
        """Group, title and the direction that is better."""
        return f"{self.group} {self.title} {'↑' if self.higher_is_better else '↓'}".strip()

    def value(self, metrics: dict[str, Any]) -> float | None:
        """In the units of the tables; None where it was not measured."""
        if self.relative is not None:
            found = _relative(metrics, self) if len(self.relative) == 1 else _at(metrics, self.relative)
            if found is not None:
                return 100 * found
        if self.over:
            each = [_at(metrics, (self.suite, name, self.path[-1])) for name in self.over]
            there = [value for value in each if value is not None]
            found = statistics.fmean(there) if there else None
        else:
            found = _at(metrics, self.path)
        return None if found is None else found * (100 if self.percent else 1)

    def why(self, metrics: dict[str, Any]) -> str:
        """Why there is no value though its suite was measured; empty where there is one or nothing is said."""
        return _entry(metrics, self.path).get("undefined", "")

    def comparable(self, metrics: dict[str, Any]) -> bool:
        """Whether the value is relative to AlexNet's wherever the paper's is."""
        return self.relative is None or f"{'mfr' if self.suite == 'p' else 'mce'}_alexnet" in metrics.get(
            self.suite, {}
        )


def _at(metrics: dict[str, Any], path: tuple[str, ...]) -> float | None:
    value = _entry(metrics, path).get("value", math.nan)
    return value if math.isfinite(value) else None


def _entry(metrics: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    part: Any = metrics
    for name in path:
        part = part.get(name, {}) if isinstance(part, dict) else {}
    return part if isinstance(part, dict) else {}


def _relative(metrics: dict[str, Any], measure: Measure) -> float | None:
    """A corruption's CE or a perturbation's FR over AlexNet's."""
    value = _at(metrics, measure.path)
    if value is None or not measure.comparable(metrics):
        return None
    from pixmix import measures  # takes seconds, and the tables' shapes are wanted for --help

    name = measure.path[1]
    if measure.suite == "p":
        return value / measures.alexnet_flip_probabilities()[name]
    return value / statistics.mean(measures.alexnet_errors()[name].values())


CLEAN = Measure("error", ("clean", "error"), "Clean")
PGD = Measure("error", ("adversaries", "pgd_error_reference"), "PGD")
AUROC = Measure("AUROC", ("anomalies", "mean", "auroc"), "Anomalies", True)
AUPR = Measure("AUPR", ("anomalies", "mean", "aupr"), "Anomalies", True)
RMS = Measure("RMS", ("calibration", "rms_reference"), "Clean")

C, C_BAR = Measure("mCE", ("c", "mce"), "C"), Measure("mCE", ("cbar", "mce"), "C̄")
MFR, MT5D = Measure("mFR", ("p", "mfr"), "P"), Measure("mT5D", ("p", "mt5d"), "P", percent=False)
RMS_C = Measure("RMS", ("c", "rms_reference_by_corruption"), "C")
RMS_C_BAR = Measure("RMS", ("cbar", "rms_reference_by_corruption"), "C̄")
CIFAR = (CLEAN, C, C_BAR, MFR, MT5D, PGD, RMS, RMS_C, RMS_C_BAR, AUROC, AUPR)
"""The columns of Tables 2 to 4."""

IMAGENET_C = Measure("mCE", ("c", "mce"), "C", relative=("c", "mce_alexnet"))
IMAGENET_C_BAR = Measure("error", ("cbar", "mce"), "C̄")
IMAGENET_P = (
    Measure("mFR", ("p", "mfr"), "P", relative=("p", "mfr_alexnet")),
    Measure("mT5D", ("p", "mt5d"), "P", percent=False, relative=("p", "mt5d_alexnet")),
)
IMAGENET = (
    *(CLEAN, IMAGENET_C, IMAGENET_C_BAR, Measure("error", ("r", "error"), "R"), *IMAGENET_P, RMS),
    *(Measure("RMS", (suite, "rms_reference_by_severity"), name) for suite, name in (("c", "C"), ("cbar", "C̄"))),
    *(Measure("RMS", ("r", "rms_reference"), "R"), AUROC, AUPR),
)
"""The columns of Tables 5 to 7. The paper's code bins the images of ImageNet-C by corruption and severity."""


def _each(suite: str, relative: tuple[str, ...] | None, **names: str) -> tuple[Measure, ...]:
    return tuple(Measure(title.replace("_", " "), (suite, name), relative=relative) for name, title in names.items())


FLIPS = _each(
    "p",
    ("each",),
    **{"gaussian_noise": "Gaussian", "shot_noise": "Shot", "motion_blur": "Motion", "zoom_blur": "Zoom"},
    **{name: name.title() for name in ("snow", "brightness", "translate", "rotate", "tilt", "scale")},
)
"""The flip rates of Table 8."""
CORRUPTIONS = _each(
    "c",
    ("each",),
    **{"gaussian_noise": "Gaussian", "shot_noise": "Shot", "impulse_noise": "Impulse", "defocus_blur": "Defocus"},
    **{"glass_blur": "Glass", "motion_blur": "Motion", "zoom_blur": "Zoom", "snow": "Snow", "frost": "Frost"},
    **{"fog": "Fog", "brightness": "Brightness", "contrast": "Contrast", "elastic_transform": "Elastic"},
    **{"pixelate": "Pixelate", "jpeg_compression": "JPEG"},
)
"""The corruption errors of Table 11."""
BAR_CORRUPTIONS = _each(
    "cbar",
    None,
    **{"blue_noise_sample": "Blue noise", "plasma_noise": "Plasma", "checkerboard_cutout": "Checkerboard"},
    **{"cocentric_sine_waves": "Sine waves", "single_frequency_greyscale": "Single frequency"},
    **{"brownish_noise": "Brown noise", "perlin_noise": "Perlin", "sparkles": "Sparkles"},
    **{"inverse_sparkles": "Inverse sparkles", "caustic_refraction": "Refraction"},
)
"""The errors of Table 12."""
OUTLIERS = ("gaussian", "rademacher", "blobs", "textures", "svhn", "imagenet", "places69")
"""Those of Table 9, one more than the six of which the other tables have the mean."""
DETECTIONS = tuple(
    Measure(f"{name} {title}", ("anomalies", name, title.lower()), higher_is_better=True, over=over)
    for title in ("AUROC", "AUPR")
    for name, over in (*((name, ()) for name in OUTLIERS), ("mean", OUTLIERS))
)
"""The numbers of Table 9, each outlier set's and their mean."""
