"""Images of C-bar as they have been since the first release: a change of any draw or formula shows here.

`python tests/pixmix/test_corruptions_cbar_golden.py` writes the file anew.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from pixmix.corruptions._cbar.suite import CBAR

GOLDEN = Path(__file__).with_name("corruptions_cbar.json")
CASES = {"small": ((16, 20), 2, 1), "large": ((96, 80), 4, 9)}
"""Size, severity, and at how many pixels' distance the pixels kept lie."""


def image_of(size: tuple[int, int]) -> np.ndarray:
    """Noise from 1 to 254 by whole numbers alone: no plain places, where a last bit would decide between two bytes."""
    numbers = np.arange(np.prod((*size, 3)), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (1 + (numbers >> np.uint64(40)) % np.uint64(254)).astype(np.uint8).reshape(*size, 3)


def corrupt(name: str, case: str) -> np.ndarray:
    size, severity, step = CASES[case]
    return CBAR[name](image_of(size), severity=severity, seed=11, index=5)[::step, ::step]


def write() -> None:
    images = {name: {case: base64.b64encode(corrupt(name, case).tobytes()).decode() for case in CASES} for name in CBAR}
    GOLDEN.write_text(json.dumps(images, indent=1) + "\n")


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize("case", CASES)
def test_golden_images(name: str, case: str) -> None:
    """Other sines and transforms than this file's machine had may round a value to the next byte, one in a thousand."""
    made = corrupt(name, case)
    golden = np.frombuffer(base64.b64decode(json.loads(GOLDEN.read_text())[name][case]), np.uint8).reshape(made.shape)
    differences = np.abs(made.astype(int) - golden)
    assert differences.max() <= 1
    assert (differences > 0).mean() <= 1e-3


if __name__ == "__main__":
    write()
