"""Folders of labelled images for the tests of training sets."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def encoded(seed: int, shape: tuple[int, int] = (40, 48), kind: str = "JPEG") -> bytes:
    """An image file of some colours."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(small).resize((shape[1], shape[0]), Image.Resampling.BICUBIC).save(content, kind)
    return content.getvalue()


def write_folder(root: Path, classes: tuple[str, ...] = ("ant", "bee", "cat"), count: int = 4) -> Path:
    """A folder a class; the first image of each is a PNG, the last lies deeper."""
    for label, name in enumerate(classes):
        (root / name / "more").mkdir(parents=True)
        for number in range(count):
            kind = "JPEG" if number else "PNG"
            place = "more/" if number == count - 1 else ""
            shape = (40 + 8 * number, 48 + 4 * label)
            content = encoded(100 * label + number, shape, kind)
            (root / name / f"{place}{number}.{kind.lower()}").write_bytes(content)
    return root
