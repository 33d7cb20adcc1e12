"""Outliers that the tests of outlier exposure and of its sets share."""

from __future__ import annotations

import numpy as np


def numbered(count: int, side: int = 16) -> np.ndarray:
    """Outliers that tell which they are, mirrored or cropped: (count, side, side, 3), two bytes of the number."""
    images = np.full((count, side, side, 3), 255, np.uint8)
    images[..., 0], images[..., 1] = (
        (np.arange(count) // 250)[:, None, None],
        (np.arange(count) % 250)[:, None, None],
    )
    return images
