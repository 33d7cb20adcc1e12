"""What RobustBench's board of ImageNet-C adds to the suite c: its mCE, on its 5,000 images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import measures
from .entries import intervals
from .evaluation import Metrics


def board_mce(
    errors: dict[str, dict[int, float]], wrong: Mapping[str, np.ndarray], about: dict[str, Any], *, seed: int
) -> Metrics:
    """mCE over AlexNet's errors in RobustBench's own run; of all 15 corruptions at all severities, or of none.

    Args:
        errors: corruption → severity → error.
        wrong: corruption → (N,) share of the severities at which an image is answered wrong.
        about: what is said of each number of the suite.
        seed: of the interval.
    """
    alexnet = measures.robustbench_alexnet_errors()
    if {name: set(each) for name, each in errors.items()} != {name: set(each) for name, each in alexnet.items()}:
        yield "mce_robustbench", {"undefined": "RobustBench's mCE is of all 15 corruptions at 5 severities", **about}
        return
    reference = measures.corruption_errors(alexnet)
    mean = np.mean([wrong[name] / reference[name] for name in reference], axis=0)
    interval = intervals(measures.mean_of(mean[:, None]), len(mean), seed=seed)[0]
    yield "mce_robustbench", {"value": measures.mce(errors, alexnet), **interval, **about}
