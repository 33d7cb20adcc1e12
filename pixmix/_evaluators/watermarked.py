"""The suite w, ImageNet-W: how much a network relies on a watermark, which it knows from images of cartons."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np

from .. import measures
from .collected import check_classes
from .entries import Entry, intervals
from .evaluation import Evaluation, Metrics
from .standard import all_calibration_of, error_of
from .watermark import FONT, PACKAGE, TEXT, Watermark, Watermarked, check_watermark, font_size

CARTON = 478
"""The class among whose training images such watermarks are frequent."""


def watermarked(evaluation: Evaluation) -> Metrics:
    """Error and calibration on the test images with the mark; and what it changes, on the same images.

    `gap` is the accuracy with the mark minus that without, `carton_gap` the recall of cartons with it minus that
    without.
    """
    size = evaluation.images.size
    check_watermark(size)
    check_classes("w", evaluation.classes(size))
    plain, labels = evaluation.clean()
    logits, _ = evaluation.marked(Watermarked(evaluation.images, Watermark(size[0])))
    if evaluation.temperature is not None:
        evaluation.temperature.check(logits)
    about = {"package": f"{PACKAGE} {_version()}", "font": FONT, "font_size": font_size(size[0])}
    yield "set", {"images": len(labels), "text": TEXT, **about}
    yield "error", error_of(logits, labels)
    gained = measures.answers(logits, labels).right.astype(float) - measures.answers(plain, labels).right
    yield "gap", _mean(gained, evaluation.seed)
    cartons = gained[labels == CARTON]
    if len(cartons):
        yield "carton_gap", _mean(cartons, evaluation.seed)
    else:
        yield "carton_gap", {"undefined": f"no test image is of class {CARTON}, carton", "n": 0}
    yield from all_calibration_of(logits, labels, evaluation.seed, evaluation.temperature).items()


def _mean(gained: np.ndarray, seed: int) -> Entry:
    """The mean of (n,) differences of -1, 0 or 1, one an image, which are drawn with the image for the interval."""
    interval = intervals(measures.mean_of(gained[:, None]), len(gained), seed=seed, within=(-1.0, 1.0))[0]
    return {"value": float(gained.mean()), "n": len(gained), **interval}


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return "unknown"
