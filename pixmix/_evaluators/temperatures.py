"""The temperature that held-out images give, fitted once for all that is measured after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from mixset._common.errors import InputError

from .. import measures


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """A temperature, or why there is none."""

    value: float | None
    """What logits are divided by; None where the held-out images give none."""
    entry: dict[str, Any]
    """What results say of it."""
    logits: np.ndarray
    """(M, classes), those it was fitted on."""

    def check(self, logits: np.ndarray) -> None:
        """InputError where (N, classes) logits are those it was fitted on, or of other classes."""
        if self.logits.shape == logits.shape and np.array_equal(self.logits, logits):
            raise InputError("the temperature would be fitted on the images that are measured; hold others out")
        if self.logits.shape[1:] != logits.shape[1:]:
            raise InputError(
                f"held-out logits are {self.logits.shape}, needed are (M, {logits.shape[1]}) like the logits"
            )


HeldOut = Temperature | Literal["split"]
"""Of images that are held out; or each half of the test images is, for the other."""


def fit_on(logits: np.ndarray, labels: np.ndarray) -> Temperature:
    """The temperature of held-out images, (M, classes) and (M,), neither trained nor measured on."""
    about = {"n": len(labels), "fitted_on": "held_out"}
    try:
        fitted = measures.fit_temperature(logits, labels)
    except measures.Undefined as error:
        return Temperature(value=None, entry={"undefined": str(error), **about}, logits=logits)
    return Temperature(value=fitted, entry={"value": fitted, **about}, logits=logits)
