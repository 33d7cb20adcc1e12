"""Sources of images to corrupt, and what folders hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pixmix_samples import photographs

from pixmix.corruptions._making.sources import Source, file_names

NAMES = ("gaussian_noise", "contrast", "fog")


def small(count: int = 7, *, seed: int = 0, size: int = 32) -> Source:
    labels = np.arange(count) % 3
    return Source(name="small", size=size, labels=labels, array=photographs(count, size, size, seed=seed))


def large(root: Path, size: int = 80) -> Source:
    found = sorted(path for path in root.rglob("*.*") if path.is_file())
    names = file_names(found, root, [path.relative_to(root).parts[0] for path in found])
    labels = np.array([0 if name.startswith("ant") else 1 for name in names])
    return Source(name="large", size=size, labels=labels, files=tuple(found), names=names)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flipped(content: bytes, index: int) -> bytes:
    return content[:index] + bytes([content[index] ^ 2]) + content[index + 1 :]
