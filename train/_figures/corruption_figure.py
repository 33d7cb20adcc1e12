"""The figure of a suite: its corruptions at all severities, or some frames of its sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mixset._common.cropping import scale_and_crop
from mixset._common.decoding import read_image
from mixset._store.sheet import sheet
from pixmix.corruptions._making.sources import Source
from pixmix.corruptions._making.suites import members
from pixmix.corruptions._p.base import Perturbation
from pixmix.corruptions._shared.base import SMALL, Corruption

TILE = 160
FRAMES = 7
TITLES = {"c": "C", "cbar": "C-bar", "p": "P"}


def draw(
    file: Path,
    *,
    suite: str,
    size: int,
    names: Sequence[str] = (),
    extra: bool = False,
    severities: Sequence[int] = (1, 2, 3, 4, 5),
    seed: int = 0,
    frost_folder: Path | None = None,
) -> Image.Image:
    """A row for each corruption of `suite`, applied to the image in `file` at `size` px; `names` selects some."""
    source = _source(file, size)
    kinds = members(suite, source.size, names=names, extra=extra, frost_folder=frost_folder)
    tiles: list[np.ndarray] = []
    captions: list[str] = []
    for kind in kinds:
        row = (
            _frames(kind, source, seed) if isinstance(kind, Perturbation) else _degrees(kind, source, severities, seed)
        )
        captions += [kind.name.replace("_", " "), *list(row)[1:]]
        tiles += row.values()
    title = f"{source.name}: the corruptions of {TITLES[suite]} at {source.size} px"
    return sheet(tiles, captions, title=title, columns=len(tiles) // len(kinds), tile=TILE)


def _source(file: Path, size: int) -> Source:
    label = np.zeros(1, np.int64)
    if size > SMALL:
        return Source(name=file.name, size=size, labels=label, files=(file,), names=(file.stem,))
    return Source(name=file.name, size=size, labels=label, array=scale_and_crop(read_image(file), (size, size))[None])


def _degrees(kind: Corruption, source: Source, severities: Sequence[int], seed: int) -> dict[str, np.ndarray]:
    image = source.cropped(0)
    return {"clean": image} | {f"severity {n}": kind(image, severity=n, seed=seed, index=0) for n in severities}


def _frames(kind: Perturbation, source: Source, seed: int) -> dict[str, np.ndarray]:
    frames = kind(source.uncropped(0), size=source.size, seed=seed, index=0)
    indices = np.linspace(0, len(frames) - 1, FRAMES).round().astype(int)
    return {f"frame {index}": frames[index] for index in indices}
